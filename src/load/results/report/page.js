// SPDX-License-Identifier: Apache-2.0
// The page of one test, or of several side by side. Names come from whoever wrote the plan: they are set as text, never as markup.
'use strict';

const data = JSON.parse(document.getElementById('data').textContent);
const runs = data.runs.map((results, index) => ({
  results, index,
  name: (results.name || 'test') + (data.runs.length > 1 ? ' #' + (index + 1) : ''),
  total: totalOf(results.totals),
  color: null,
}));
const isOne = runs.length === 1;
const root = document.getElementById('report');

function element(tag, options, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(options || {}))
    if (key === 'text') made.textContent = value;
    else made.setAttribute(key, value);
  made.append(...children.filter(child => child != null));
  return made;
}

// --- colours: Okabe and Ito's, which the colour-blind tell apart, in two lightnesses --------------------------------

const LIGHT = ['#0b62c4', '#c2570c', '#008060', '#a8327d', '#8a6d00', '#4a4a4a', '#0090c8', '#7a3ec8'];
const DARK = ['#6cb2ff', '#ff9d4d', '#3fd0a4', '#f08cc8', '#e8cf4a', '#c0c4cc', '#5ad2f5', '#c3a0ff'];
const dark = matchMedia('(prefers-color-scheme: dark)');
let isPrinting = false;
const palette = () => dark.matches && !isPrinting ? DARK : LIGHT;
const variable = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const inkOf = () => isPrinting ? '#333' : variable('--dim');
const gridOf = () => isPrinting ? '#ccc' : variable('--line');

// --- charts ---------------------------------------------------------------------------------------------------------

const charts = []; // {place, make, plot}
const PRINT_WIDTH = 312; // two on a sheet of A4 or Letter: the layout of the paper is not known before it is printed

// Lines where a stage begins, with its name.
function stageMarks(run) {
  const stages = run.results.stages;
  return {
    hooks: {
      draw: [plot => {
        if (!isOne || stages.length < 2) return;
        const context = plot.ctx;
        context.save();
        context.strokeStyle = context.fillStyle = inkOf();
        context.setLineDash([4, 4]);
        context.font = 11 * devicePixelRatio + 'px system-ui, sans-serif';
        context.textAlign = 'left';
        stages.forEach((stage, i) => {
          const x = Math.round(plot.valToPos(stage.begin_ns / 1e9, 'x', true));
          if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) return;
          if (i) {
            context.beginPath();
            context.moveTo(x, plot.bbox.top);
            context.lineTo(x, plot.bbox.top + plot.bbox.height);
            context.stroke();
          }
          const name = run.results.plan.stages[i] && run.results.plan.stages[i].name || String(i + 1);
          context.fillText(name.slice(0, 16), x + 4 * devicePixelRatio, plot.bbox.top + 11 * devicePixelRatio);
        });
        context.restore();
      }],
    },
  };
}

// Of a logarithmic axis only the powers of ten have a line.
const isPower = value => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;
const powersOnly = (plot, splits) => splits.filter(isPower).length < 2 ? splits
  : splits.map(value => isPower(value) ? value : null);
const axis = (values, options, isLog) => ({
  stroke: inkOf, grid: { stroke: gridOf, width: 1, ...isLog && { filter: powersOnly } },
  ticks: { stroke: gridOf, width: 1, ...isLog && { filter: powersOnly } },
  values: (plot, splits) => splits.map(value => value == null ? null : values(value)), ...options,
});

// series: [{label, values, color, dash, fill, text}]; x: numbers. options: xText, yText, log, bars, plugins.
function drawChart(place, x, series, options) {
  const colors = palette();
  const text = options.yText;
  const plot = new uPlot({
    width: isPrinting ? PRINT_WIDTH : Math.max(place.clientWidth, 200), height: isPrinting ? 200 : 260,
    padding: [8, 36, 0, 0],
    cursor: { focus: { prox: 24 } }, focus: { alpha: 0.35 },
    scales: {
      x: { time: false, distr: options.xLog ? 3 : 1, log: 10, range: options.xRange },
      y: options.log ? { distr: 3, log: 10, range: options.yRange } : { range: (plot, low, high) => [0, high > 0 ? high * 1.08 : 1] },
    },
    axes: [axis(options.xText, options.xAxis, options.xLog), axis(options.yTick || text, { size: 74, ...options.ySplits && { splits: options.ySplits } }, options.log)],
    series: [
      { label: options.xName, value: (plot, value) => value == null ? '–' : options.xValue(value) },
      ...series.map(one => ({
        label: one.label, stroke: colors[one.color % colors.length], width: one.width ?? 1.75, dash: one.dash,
        fill: one.fill ? colors[one.color % colors.length] + (one.fill === true ? '33' : one.fill) : undefined,
        points: { show: x.length < 3, size: 5 }, paths: options.bars ? uPlot.paths.bars({ size: [0.95, 100] })
          : options.steps ? uPlot.paths.stepped({ align: -1 }) : undefined,
        value: (plot, value) => value == null ? '–' : (one.text || text)(value),
      })),
    ],
    plugins: options.plugins || [],
  }, [x, ...series.map(one => one.values)], place);
  return plot;
}

function chart(parent, caption, about, description, make) {
  const place = element('div');
  parent.append(element('figure', { role: 'group', 'aria-label': caption + '. ' + description },
    element('figcaption', { text: caption }, element('span', { text: about })), place));
  charts.push({ place, make, plot: null });
}

function redraw() {
  for (const one of charts) {
    if (one.plot) one.plot.destroy();
    one.plot = one.make(one.place);
  }
}

// All runs on one axis of time: the union of their interval ends.
function timeline(pick) {
  const times = [...new Set(runs.flatMap(run => run.results.intervals.map(interval => interval.end_ns / 1e9)))]
    .sort((a, b) => a - b);
  const place = new Map(times.map((time, i) => [time, i]));
  const series = [];
  for (const run of runs)
    for (const one of pick(run)) {
      const values = new Array(times.length).fill(isOne ? null : undefined);
      for (const interval of run.results.intervals)
        values[place.get(interval.end_ns / 1e9)] = one.of(interval, (interval.end_ns - interval.begin_ns) / 1e9);
      if (one.isOptional && !values.some(value => value)) continue;
      series.push({
        ...one, values, label: isOne ? one.label : '#' + (run.index + 1) + ' ' + one.label,
        color: isOne ? one.color : run.index, dash: isOne ? one.dash : one.runDash || one.dash,
      });
    }
  return [times, series];
}

const seconds = value => value + ' s';
function timeChart(parent, caption, about, description, pick, options) {
  chart(parent, caption, about, description, place => {
    const [times, series] = timeline(pick);
    return drawChart(place, times, series, {
      xName: 'time', xText: seconds, xRange: (plot, low, high) => [Math.min(low, plot.select.width ? low : 0), high], xValue: value => value.toFixed(1) + ' s', yText: countText, yTick: countTick,
      plugins: [stageMarks(runs[0])], ...options,
    });
  });
}
const positive = value => value > 0 ? value : null;

function latencyCharts(parent) {
  const all = runs[0].results.summary.all.latency;
  timeChart(parent, 'Latency over time', 'from the moment a request was due; logarithmic',
    'p99 of the whole test ' + nsText(all.p99_ns), run => isOne ? [
      { label: 'p50', color: 0, of: i => positive(i.p50_ns) }, { label: 'p90', color: 2, of: i => positive(i.p90_ns) },
      { label: 'p99', color: 1, of: i => positive(i.p99_ns) }, { label: 'p99.9', color: 3, of: i => positive(i.p999_ns) },
      { label: 'max', color: 5, dash: [2, 3], of: i => positive(i.max_ns) },
    ] : [
      { label: 'p50', of: i => positive(i.p50_ns) }, { label: 'p99', runDash: [6, 4], of: i => positive(i.p99_ns) },
    ], { log: true, yText: nsText, yTick: nsTick });
  chart(parent, 'Percentiles of latency', 'each nine of the axis is ten times rarer', 'p50 ' + nsText(all.p50_ns) + ', p99 '
    + nsText(all.p99_ns) + ', p99.9 ' + nsText(all.p999_ns), drawSpectrum);
  chart(parent, 'Distribution of latency', 'share of requests by latency; logarithmic', 'most at ' + nsText(all.p50_ns),
    drawBins);
  if (isOne) chart(parent, 'Latency, request by request', 'the darker, the more requests of an interval', 'heat map over time', drawHeat);
}

function drawSpectrum(place) {
  const kinds = isOne ? [['latency', 'latency, from due'], ['service', 'service, from sent']] : [['latency', 'latency']];
  const drawn = runs.flatMap(run => kinds.map(([kind, label], i) => ({
    label: isOne ? label : run.name, color: isOne ? i : run.index, dash: i ? [6, 4] : undefined,
    points: spectrumOf(run.total[kind]),
  }))).filter(one => one.points.length);
  const x = [...new Set(drawn.flatMap(one => one.points.map(point => point[0])))].sort((a, b) => a - b);
  const series = drawn.map(one => {
    const at = new Map(one.points);
    let last = one.points[0][1];
    const end = one.points[one.points.length - 1][0];
    return { ...one, values: x.map(value => value > end ? null : (last = at.has(value) ? at.get(value) : last)) };
  });
  const percent = value => {
    const nines = Math.round(Math.log10(value));
    return Math.abs(Math.log10(value) - nines) > 1e-6 ? null
      : nines === 0 ? '0 %' : (100 - 100 / value).toFixed(Math.max(nines - 2, 0)) + ' %';
  };
  return drawChart(place, x, series, {
    xName: 'percentile', xLog: true, height: 260, xText: percent, yText: nsText, yTick: nsTick, log: true,
    xValue: value => (100 - 100 / value).toFixed(Math.max(Math.ceil(Math.log10(value)) - 1, 1)) + ' %',
  });
}

// Round places on an axis whose numbers are logarithms, `perDecade` to a power of ten.
function roundPlaces(from, to, perDecade) {
  const places = [];
  const digits = to - from > 2.2 * perDecade ? [1] : to - from > perDecade ? [1, 3] : [1, 2, 5];
  for (let decade = Math.floor(from / perDecade); decade <= to / perDecade; decade++)
    for (const digit of digits) places.push((decade + Math.log10(digit)) * perDecade);
  return places.filter(place => place >= from && place <= to);
}

function drawBins(place) {
  const perDecade = 40;
  const all = runs.map(run => binsOf(run.total.latency, perDecade));
  const used = all.flatMap(bins => [...bins.keys()]);
  const low = Math.min(...used, Infinity) - 1;
  const high = Math.max(...used, -Infinity) + 1;
  const x = [];
  for (let bin = low; bin <= high && isFinite(low); bin++) x.push(bin);
  const series = runs.map((run, i) => ({
    label: isOne ? 'requests' : run.name, color: i, fill: isOne ? '99' : '22',
    values: x.map(bin => all[i].get(bin) || 0),
  }));
  const ns = bin => 10 ** ((bin + 0.5) / perDecade);
  return drawChart(place, x, series, {
    bars: isOne, steps: !isOne, xName: 'latency', xValue: bin => nsText(ns(bin)), yText: shareText,
    xText: bin => nsTick(10 ** (bin / perDecade)),
    xAxis: { splits: (plot, index, from, to) => roundPlaces(from, to, perDecade) },
  });
}

// Each column an interval, each cell how many of its requests took so long: what percentiles leave out, such as two groups.
function drawHeat(place) {
  const intervals = runs[0].results.intervals;
  const perDecade = 24;
  const columns = intervals.map(interval => interval.latency ? decodeHistogram(interval.latency) : [])
    .map(buckets => binsOf({ buckets, count: buckets.reduce((total, bucket) => total + bucket[1], 0) }, perDecade));
  const bins = columns.flatMap(column => [...column.keys()]);
  const ns = bin => 10 ** (bin / perDecade);
  const draw = plot => {
    const context = plot.ctx;
    context.save();
    context.fillStyle = palette()[0];
    intervals.forEach((interval, i) => {
      const left = plot.valToPos(interval.begin_ns / 1e9, 'x', true);
      const width = plot.valToPos(interval.end_ns / 1e9, 'x', true) - left;
      for (const [bin, share] of columns[i]) {
        const top = plot.valToPos(ns(bin + 1), 'y', true);
        context.globalAlpha = 0.12 + 0.88 * Math.sqrt(share);
        context.fillRect(left, top, Math.max(width - 0.5, 1), plot.valToPos(ns(bin), 'y', true) - top);
      }
    });
    context.restore();
  };
  const low = bins.reduce((least, bin) => Math.min(least, bin), bins.length ? Infinity : 72);
  const high = bins.reduce((most, bin) => Math.max(most, bin), low + 1);
  const range = () => [ns(low), ns(high + 1)];
  return drawChart(place, intervals.map(interval => interval.end_ns / 1e9), [
    { label: 'p50', color: 0, fill: false, width: 0, values: intervals.map(interval => positive(interval.p50_ns)) },
    { label: 'p99', color: 0, fill: false, width: 0, values: intervals.map(interval => positive(interval.p99_ns)) },
  ], {
    log: true, yText: nsText, yTick: nsTick, yRange: range,
    ySplits: (plot, index, from, to) => roundPlaces(Math.log10(from), Math.log10(to), 1).map(place => 10 ** place), xName: 'time', xText: seconds, xValue: value => value.toFixed(1) + ' s',
    xRange: (plot, low, high) => [0, high], plugins: [{ hooks: { draw: [draw] } }, stageMarks(runs[0])],
  });
}

function loadCharts(parent) {
  const all = runs[0].results.summary.all;
  timeChart(parent, 'Throughput', 'requests a second: due by the plan, and answered right', countText(all.answered_per_s)
    + ' answered a second', () => isOne ? [
    { label: 'due', color: 5, dash: [6, 4], of: (i, s) => i.due / s }, { label: 'answered', color: 0, fill: true, of: (i, s) => i.answered / s },
  ] : [{ label: 'answered', of: (i, s) => i.answered / s }, { label: 'due', runDash: [2, 4], of: (i, s) => i.due / s }], {});
  const kinds = [...new Set(runs.flatMap(run => Object.keys(run.total.failed)))].sort();
  timeChart(parent, 'Failures', 'a second, by kind', countText(all.failed) + ' in all', () => isOne && kinds.length
    ? kinds.map((kind, k) => ({ label: kind, color: k + 1, fill: true, of: (i, s) => ((i.failed_by || {})[kind] || 0) / s }))
    : [{ label: 'failed', color: 1, fill: true, of: (i, s) => i.failed / s }], {});
  timeChart(parent, 'Under way', 'at the end of each interval', 'requests in flight, waiting for a connection, and connections',
    () => isOne ? [
      { label: 'in flight', color: 0, of: i => i.in_flight }, { label: 'due, not sent', color: 1, of: i => i.backlog },
      { label: 'connections', color: 5, dash: [6, 4], of: i => i.links }, { label: 'users', color: 2, isOptional: true, of: i => i.users },
    ] : [{ label: 'in flight', of: i => i.in_flight }, { label: 'due, not sent', runDash: [6, 4], of: i => i.backlog }], {});
  timeChart(parent, 'The generator itself', 'its own lag: from due to sent, where a connection was free', 'p99 '
    + nsText(runs[0].results.summary.lag.p99_ns), () => isOne ? [
    { label: 'lag p99', color: 0, of: i => positive(i.lag_p99_ns) }, { label: 'lag max', color: 5, dash: [2, 3], of: i => positive(i.lag_max_ns) },
  ] : [{ label: 'lag p99', of: i => positive(i.lag_p99_ns) }], { log: true, yText: nsText, yTick: nsTick });
}

function streamCharts(parent) {
  if (!runs.some(run => run.total.hasStream)) return;
  const lines = name => () => isOne ? [
    { label: 'p50', color: 0, of: i => positive(i[name + '_p50_ns']) }, { label: 'p99', color: 1, of: i => positive(i[name + '_p99_ns']) },
  ] : [{ label: 'p50', of: i => positive(i[name + '_p50_ns']) }, { label: 'p99', runDash: [6, 4], of: i => positive(i[name + '_p99_ns']) }];
  const log = { log: true, yText: nsText, yTick: nsTick };
  timeChart(parent, 'Time to the first token', 'from the moment a request was due', 'over time', lines('first_token'), log);
  timeChart(parent, 'Between tokens', 'each gap between events with content', 'over time', lines('between_tokens'), log);
  timeChart(parent, 'Tokens', 'a second, all streams together', 'over time',
    () => [{ label: 'tokens', color: 2, fill: true, of: (i, s) => (i.tokens || 0) / s }], {});
}

// --- tables ---------------------------------------------------------------------------------------------------------

// rows: arrays of texts or {text, class}.
function table(caption, head, rows) {
  const cell = (tag, value, options) => value instanceof Node ? element(tag, options, value)
    : typeof value === 'object' && value ? element(tag, { ...options, text: value.text, class: value.class || '' })
      : element(tag, { ...options, text: value == null ? '' : String(value) });
  return element('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption }, element('table', {},
    element('thead', {}, element('tr', {}, ...head.map(name => cell('th', name, { scope: 'col' })))),
    element('tbody', {}, ...rows.map(row => element('tr', {}, ...row.map((value, i) =>
      cell(i ? 'td' : 'th', value, i ? {} : { scope: 'row' })))))));
}

const LATENCIES = ['p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'max_ns'];
const LATENCY_NAMES = ['p50', 'p90', 'p99', 'p99.9', 'max'];
const tokenRow = (name, quantiles) => [name, countText(quantiles.count), '', '', ...LATENCIES.map(key => nsText(quantiles[key]))];

function stepTable(run) {
  const summary = run.results.summary;
  const head = ['step', 'requests', 'answered/s', 'failed', ...LATENCY_NAMES];
  const rows = [...(summary.steps.length > 1 ? summary.steps : []), { ...summary.all, step: 'all' }].map(step => [
    step.step, countText(step.requests), countText(step.answered_per_s),
    { text: shareText(step.error_share), class: step.failed ? 'bad' : '' }, ...LATENCIES.map(key => nsText(step.latency[key]))]);
  rows.push(['all, service from sent', '', '', '', ...LATENCIES.map(key => nsText(summary.all.service[key]))]);
  for (const step of summary.steps.filter(one => one.first_token)) {
    rows.push(tokenRow(step.step + ': first token', step.first_token));
    rows.push(tokenRow(step.step + ': between tokens', step.between_tokens));
    rows.push(tokenRow(step.step + ': time per token', step.per_token));
  }
  return table('Latency by step', head, rows);
}

function stageTable(run) {
  const { stages, plan, span_ns, rated_ns = span_ns } = run.results;
  if (stages.length < 2) return null;
  const unit = plan.arrival === 'closed' ? ' users' : '/s';
  return table('Stages', ['stage', 'begins', 'load', 'answered/s', 'failed', 'p50', 'p99', 'p99.9'], stages.map((stage, i) => {
    const total = totalOf(stage.record);
    const planned = plan.stages[i] || {};
    const span = (Math.min(stage.end_ns, rated_ns) - stage.begin_ns) / 1e9; // not what was waited for behind the last
    const failed = failedCount(total);
    return [planned.name || String(i + 1), nsText(stage.begin_ns), planned.from === planned.to ? countText(planned.from) + unit
      : countText(planned.from) + ' → ' + countText(planned.to) + unit, countText(span > 0 ? total.answered / span : 0),
    { text: shareText(failed / Math.max(failed + total.answered, 1)), class: failed ? 'bad' : '' },
    ...[0.5, 0.99, 0.999].map(share => nsText(total.latency.count ? quantileOf(total.latency, share) : null))];
  }));
}

function outcomeTable() {
  const rows = [];
  const keys = group => [...new Set(runs.flatMap(run => Object.keys(run.total[group])))].sort();
  const row = (name, group, key, isBad) => [name, ...runs.map(run => {
    const count = run.total[group][key] || 0;
    return { text: countText(count), class: isBad && count ? 'bad' : '' };
  })];
  for (const key of keys('statuses')) rows.push(row('status ' + key, 'statuses', key, key >= '400'));
  for (const key of keys('failed')) rows.push(row('failed: ' + key, 'failed', key, true));
  return table('Outcomes', ['outcome', ...runs.map(runLabel)], rows);
}

function thresholdTable(run) {
  const { thresholds } = run.results;
  if (!thresholds.length) return null;
  const value = one => /errors/.test(one.text) ? shareText(one.value)
    : /rate|goodput|tokens\b/.test(one.text.replace(/between_tokens|tokens?_time/g, '')) ? countText(one.value) : nsText(one.value);
  return table('Thresholds', ['threshold', 'measured', 'holds'], thresholds.map(one => [one.text, value(one),
    one.holds ? { text: '✓ holds', class: 'good' } : { text: '✗ fails', class: 'bad' }]));
}

function partTable(run) {
  const { parts } = run.results;
  if (!parts.length) return null;
  return table('Agents', ['agent', 'share of the load', 'state'], parts.map(part => [part.name, shareText(part.share),
    part.lost ? { text: 'lost after ' + nsText(part.lost_ns) + ': its share is missing', class: 'bad' } : 'whole']));
}

function planTable() {
  const of = (name, pick) => [name, ...runs.map(run => pick(run.results))];
  return table('Plan and machine', ['', ...runs.map(runLabel)], [
    of('began', one => one.begin.replace('T', ' ').replace(/\.\d+Z/, ' UTC')),
    of('load', one => one.plan.arrival + ', ' + nsText(one.span_ns)),
    of('connections', one => one.plan.connections + (one.plan.pipelining > 1 ? ', pipelining ' + one.plan.pipelining : '')
      + (one.plan.keep_alive ? '' : ', one for each request')),
    of('generator', one => one.plan.threads + (one.plan.threads === 1 ? ' thread, ' : ' threads, ') + one.summary.cpu_us_per_request.toFixed(2) + ' µs CPU a request'),
    of('machine', one => one.machine.cpu + ', ' + one.machine.cores + ' cores, Linux ' + one.machine.kernel),
    of('weir', one => one.version),
  ]);
}

function dataTable(run) {
  const rows = run.results.intervals.map(i => [nsText(i.end_ns), countText(i.due), countText(i.answered), countText(i.failed),
    ...['p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'max_ns', 'lag_p99_ns'].map(key => nsText(i[key]))]);
  return element('details', {}, element('summary', { text: 'The timeline as a table' + (isOne ? '' : ': ' + run.name) }),
    table('Timeline', ['until', 'due', 'answered', 'failed', ...LATENCY_NAMES, 'lag p99'], rows));
}

// --- the page -------------------------------------------------------------------------------------------------------

function runLabel(run) {
  if (isOne) return run.name;
  const swatch = element('span', { class: 'swatch' });
  swatch.dataset.run = run.index;
  return element('span', {}, swatch, run.name);
}

function remarks(run) {
  const order = ['invalid', 'warning', 'note'];
  const list = [...run.results.remarks].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  return list.map(one => element('p', { class: 'remark ' + one.kind, role: one.kind === 'invalid' ? 'alert' : 'note' },
    element('b', { text: one.kind }), (isOne ? '' : run.name + ': ') + one.text));
}

function cards(run) {
  const { summary, span_ns } = run.results;
  const all = summary.all;
  const card = (name, value, beside) => element('div', { class: 'card' }, element('div', { class: 'name', text: name }),
    element('div', { class: 'value', text: value }), element('div', { class: 'beside', text: beside }));
  const list = [
    card('answered', countText(all.answered_per_s) + '/s', countText(all.requests) + ' requests in ' + nsText(span_ns)),
    card('failed', shareText(all.error_share), countText(all.failed) + ' requests'),
    card('latency p50', nsText(all.latency.p50_ns), 'service ' + nsText(all.service.p50_ns)),
    card('latency p99', nsText(all.latency.p99_ns), 'service ' + nsText(all.service.p99_ns)),
    card('latency p99.9', nsText(all.latency.p999_ns), 'max ' + nsText(all.latency.max_ns)),
    card('own lag p99', nsText(summary.lag.p99_ns), 'max ' + nsText(summary.lag.max_ns)),
  ];
  const streams = summary.steps.filter(step => step.first_token);
  if (streams.length) {
    const sum = name => streams.reduce((total, step) => total + step[name], 0);
    list.push(card('tokens', countText(sum('tokens_per_s')) + '/s', countText(sum('good_per_s')) + ' good requests/s'));
    list.push(card('first token p50', nsText(streams[0].first_token.p50_ns), 'p99 ' + nsText(streams[0].first_token.p99_ns)));
  }
  return element('div', { class: 'cards' }, ...list);
}

function comparison() {
  const text = (kind, value) => kind === 'ns' ? nsText(value) : kind === 'share' ? shareText(value) : countText(value);
  const percent = value => value == null ? '–' : (value > 0 ? '+' : '') + (100 * value).toFixed(1) + ' %';
  const blocks = data.comparison.map(one => {
    const other = runs[one.run];
    const rows = one.differences.map(row => {
      const isBetter = row.change < 0 === row.less_is_better;
      return [row.name, text(row.kind, row.a), text(row.kind, row.b),
        { text: percent(row.change), class: row.significant ? (isBetter ? 'good' : 'bad') : '' },
        row.low == null ? '–' : percent(row.low) + ' … ' + percent(row.high), row.significant ? (isBetter ? 'better' : 'worse') : 'within the noise'];
    });
    return table('Comparison', ['', runLabel(runs[0]), runLabel(other), 'change', '95 % interval of the change', ''], rows);
  });
  return [element('h2', { text: 'Comparison' }),
    element('p', { class: 'dim', text: 'Intervals by bootstrap over the intervals of the timelines: what a repetition under the '
      + 'same conditions would give in 95 of 100 cases. What differs between machines or hours is not in them.' }), ...blocks];
}

function section(title, ...children) {
  const list = children.flat().filter(child => child != null);
  return list.length ? [element('h2', { text: title }), ...list] : [];
}

function build() {
  const first = runs[0].results;
  document.title = runs.map(run => run.name).join(', ') + ' – weir load';
  root.append(element('h1', { text: isOne ? runs[0].name : runs.length + ' tests side by side' }),
    element('p', { class: 'dim', text: isOne ? first.begin.replace('T', ' ').replace(/\.\d+Z/, ' UTC') + ' · '
      + first.plan.steps.slice(0, 3).map(step => (step.method ? step.method + ' ' : '') + (step.url || step.name)).join(', ') : '' }));
  for (const run of runs) root.append(...remarks(run));
  if (isOne) root.append(cards(runs[0]), ...section('Thresholds', thresholdTable(runs[0])));
  else root.append(...comparison());
  const grid = () => element('div', { class: 'charts' });
  const places = [grid(), grid(), grid()];
  root.append(...section('Latency', places[0]), ...section('Load', places[1]));
  latencyCharts(places[0]);
  loadCharts(places[1]);
  streamCharts(places[2]);
  root.append(...section('Streams', places[2].childNodes.length ? places[2] : null));
  for (const run of runs) {
    const suffix = isOne ? '' : ': ' + run.name;
    root.append(...section('Steps' + suffix, stepTable(run)), ...section('Stages' + suffix, stageTable(run)),
      ...section('Agents' + suffix, partTable(run)));
    if (!isOne) root.append(...section('Thresholds' + suffix, thresholdTable(run)));
  }
  root.append(...section('Outcomes', outcomeTable()), ...section('Plan and machine', planTable()), ...runs.map(dataTable));
}

function paint() {
  for (const swatch of document.querySelectorAll('.swatch'))
    swatch.style.background = palette()[swatch.dataset.run % palette().length];
  redraw();
}

build();
paint();
dark.addEventListener('change', paint);
addEventListener('beforeprint', () => { isPrinting = true; paint(); });
addEventListener('afterprint', () => { isPrinting = false; paint(); });
let timer = 0;
addEventListener('resize', () => {
  clearTimeout(timer);
  timer = setTimeout(() => charts.forEach(one => one.plot.setSize({ width: one.place.clientWidth, height: one.plot.height })), 100);
});
