// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"runtime/metrics"
)

// What the runtime counts by itself; no watcher is needed, only the difference between two moments.
var names = []string{
	"/sched/pauses/total/gc:seconds",
	"/sched/latencies:seconds",
	"/gc/heap/allocs:objects",
	"/gc/heap/allocs:bytes",
	"/gc/cycles/total:gc-cycles",
}

type pauses struct {
	before []metrics.Sample
}

type histogram struct {
	Count   uint64       `json:"count"`
	Max     float64      `json:"max_us"`
	Buckets [][2]float64 `json:"buckets_us"`
}

func read() []metrics.Sample {
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	// The runtime may reuse what a histogram points to.
	for i := range samples {
		if samples[i].Value.Kind() == metrics.KindFloat64Histogram {
			histogram := samples[i].Value.Float64Histogram()
			histogram.Counts = append([]uint64(nil), histogram.Counts...)
		}
	}
	return samples
}

func (p *pauses) start() { p.before = read() }

// The upper ends of buckets stand for what is in them.
func difference(before, after metrics.Sample) histogram {
	was, is := before.Value.Float64Histogram(), after.Value.Float64Histogram()
	result := histogram{Buckets: [][2]float64{}}
	for i, count := range is.Counts {
		if more := count - was.Counts[i]; more > 0 {
			end := is.Buckets[i+1]
			if math.IsInf(end, 1) {
				end = is.Buckets[i]
			}
			result.Count += more
			result.Max = max(end*1e6, 0)
			result.Buckets = append(result.Buckets, [2]float64{result.Max, float64(more)})
		}
	}
	return result
}

func (p *pauses) told() map[string]any {
	if p.before == nil {
		p.start()
	}
	after := read()
	count := func(i int) uint64 { return after[i].Value.Uint64() - p.before[i].Value.Uint64() }
	return map[string]any{
		"collections": difference(p.before[0], after[0]),
		"waits":       difference(p.before[1], after[1]),
		"allocations": count(2),
		"bytes":       count(3),
		"cycles":      count(4),
	}
}
