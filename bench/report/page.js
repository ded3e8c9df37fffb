// SPDX-License-Identifier: Apache-2.0
// Draws the charts of the report: bars by hand, lines by uPlot.
'use strict';

const COLORS = {weir: '#0b6bcb', nginx: '#2e9e5b', fiber: '#00a3b4', fastify: '#7c3aed', fastapi: '#d97706',
  'flask-threads': '#dc2626', 'flask-gevent': '#e879a6'};

function figure(value) {
  if (value >= 1000)
    return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

function caption(element, chart) {
  const text = document.createElement('figcaption');
  text.textContent = chart.title;
  element.append(text);
}

function drawBars(element, chart) {
  const most = Math.max(...chart.items.map((item) => item.value));
  for (const item of chart.items) {
    const line = document.createElement('div');
    line.className = item.service === 'weir' ? 'bar weir' : 'bar';
    const label = document.createElement('span');
    label.textContent = item.label;
    const place = document.createElement('span');
    const bar = document.createElement('i');
    bar.style.width = `${Math.max(100 * item.value / most, 0.3)}%`;
    place.append(bar);
    const value = document.createElement('b');
    value.textContent = `${figure(item.value)} ${chart.unit}`;
    line.append(label, place, value);
    element.append(line);
  }
}

// One row of x for all series; where one has no point it is left out of its line.
function aligned(series) {
  const xs = [...new Set(series.flatMap((one) => one.points.map(([x]) => x)))].sort((a, b) => a - b);
  const columns = series.map((one) => {
    const points = new Map(one.points);
    return xs.map((x) => (points.has(x) ? points.get(x) : null));
  });
  return [xs, ...columns];
}

function drawLines(element, chart) {
  const axis = (label) => ({label, values: (plot, ticks) => ticks.map((tick) => (tick === null ? '' : figure(tick)))});
  new uPlot({
    width: Math.min(element.clientWidth || 900, 1000), height: 320,
    scales: {x: {time: false, distr: chart.log_x ? 3 : 1}, y: {distr: chart.log_y ? 3 : 1}},
    axes: [axis(chart.x), axis(chart.y)],
    series: [{label: chart.x}, ...chart.series.map((one) => ({label: one.label, spanGaps: true,
      stroke: COLORS[one.service] || '#667085', width: one.service === 'weir' ? 2.5 : 1.5,
      points: {show: one.points.length < 12}, value: (plot, value) => (value === null ? '' : figure(value))}))],
  }, aligned(chart.series), element);
}

for (const element of document.querySelectorAll('[data-chart]')) {
  const chart = charts[Number(element.dataset.chart)];
  caption(element, chart);
  (chart.kind === 'bars' ? drawBars : drawLines)(element, chart);
}
