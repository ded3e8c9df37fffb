/* SPDX-License-Identifier: Apache-2.0 */
/* A job that is dropped from its batch has times of the batch, too, but they are not what its client waited for: only jobs that
 * succeed are in the histograms, which then have one count. A batch was paid for, whatever became of its members. */
#include "pipeline/model_meter.h"

static void count_batch(struct model_meter *meter, const struct job *job)
{
    const struct job_times *times = &job->times;
    struct batch_meter *size = &meter->sizes[job->batch_rows <= METER_BATCH_ROWS_MAX ? job->batch_rows : 0];
    counter_add(&meter->batches, 1);
    counter_add(&meter->batch_rows, job->batch_rows);
    counter_add(&size->count, 1);
    counter_add(&size->gather_ns, times->gather_ns);
    counter_add(&size->run_ns, times->run_ns);
    counter_add(&size->scatter_ns, times->scatter_ns);
}

static uint64_t time_of(const struct job *job)
{
    return job->times.queue_ns + job->times.gather_ns + job->times.run_ns + job->times.scatter_ns;
}

static void count_success(struct model_meter *meter, const struct job *job, uint64_t now_ns)
{
    counter_add(&meter->runs, 1);
    /* A model whose first dimension is no batch gives one answer a run. */
    counter_add(&meter->rows, job->rows ? job->rows : 1);
    counter_add(&meter->success_ns, time_of(job));
    gauge_set(&meter->last_ns, (int64_t)now_ns);
    histogram_record(&meter->queue_time, job->times.queue_ns);
    histogram_record(&meter->gather_time, job->times.gather_ns);
    histogram_record(&meter->run_time, job->times.run_ns);
    histogram_record(&meter->scatter_time, job->times.scatter_ns);
}

static enum model_failure failure_of(enum err err)
{
    switch (err) {
    case ERR_CANCELLED:
        return MODEL_FAILURE_CANCELED;
    case ERR_TIMEOUT:
        return MODEL_FAILURE_REJECTED;
    case ERR_NOMEM:
        return MODEL_FAILURE_OTHER;
    default:
        return MODEL_FAILURE_BACKEND;
    }
}

void model_meter_job(struct model_meter *meter, const struct job *job, uint64_t now_ns)
{
    if (!meter)
        return;
    if (job->is_first)
        count_batch(meter, job);
    if (job->err == ERR_OK) {
        count_success(meter, job, now_ns);
        return;
    }
    enum model_failure failure = failure_of(job->err);
    if (failure == MODEL_FAILURE_BACKEND)
        counter_add(&meter->runs, 1);
    counter_add(&meter->failures[failure], 1);
    counter_add(&meter->failure_ns, time_of(job));
}

void model_meter_format(struct model_meter *meter, uint64_t ns)
{
    if (meter)
        histogram_record(&meter->format_time, ns);
}

void model_meter_refusal(struct model_meter *meter, enum model_failure failure)
{
    if (meter)
        counter_add(&meter->failures[failure], 1);
}
