"use strict";
// Everything that the page shows stands in its DOM or in #data; what comes from
// files is text there and stays text here (textContent, never innerHTML).
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const table = byId("rows");
const body = table.tBodies[0];
const rowElements = Array.from(body.rows);
const rows = data.rows;
let selected = 0;

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}
function option(value, text) {
  const element = make("option", text);
  element.value = value;
  return element;
}
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const number = (value) => value.toLocaleString("en-US", {maximumFractionDigits: 2});
// The output that plots go by; answers are by the first, and by what the worst loses.
let judged = 0;
const metric = () => data.metrics[judged];
const score = (row) => row.values[judged] * metric().scale;
const better = (a, b) => metric().higher ? a > b : a < b;

// ---- The answer ------------------------------------------------------------

// The rule of study/advise.cc and study/report/answer.cc, whose drops these are.
rows.forEach((row, i) => { row.index = i; });
const candidates = rows.filter((row) => row.place >= 0);
function within(tolerance) {
  return candidates.filter((row) => row.drop <= tolerance + 1e-9);
}
// The first by these fields.
function best(list, ...fields) {
  const compare = (a, b) => fields.reduce((found, field) => found || field(a) - field(b), 0) || a.index - b.index;
  return list.reduce((found, row) => found === null || compare(row, found) < 0 ? row : found, null);
}
const bytes = (row) => row.file_bytes, drop = (row) => row.drop, place = (row) => row.place, latency = (row) => row.latency_us_p50;
const answers = {
  smallest: (list) => best(list, bytes, drop, place, latency),
  fastest: (list) => best(list, latency, drop, bytes),
  accurate: () => best(candidates, (row) => data.metrics[0].higher ? -row.values[0] : row.values[0], bytes, place),
};
function answer() {
  const tolerance = Math.max(0, Number(byId("tolerance").value) || 0);
  const list = within(tolerance);
  for (const card of document.querySelectorAll(".card[data-answer]")) {
    const row = answers[card.dataset.answer](list);
    for (const place of card.querySelectorAll("[data-tolerance]")) place.textContent = String(tolerance);
    card.querySelector(".nothing").hidden = row !== null;
    card.querySelector(".something").hidden = row === null;
    if (row === null) continue;
    card.querySelector(".file").textContent = row.path;
    for (const place of card.querySelectorAll("[data-field]")) place.textContent = row.texts[place.dataset.field];
    card.querySelector(".command").textContent = row.command;
    card.querySelector("button").onclick = () => select(rows.indexOf(row), true);
  }
}
byId("tolerance").addEventListener("input", answer);

// ---- The table -------------------------------------------------------------

const heads = Array.from(table.tHead.rows[0].cells);
function sortBy(column) {
  const head = heads[column];
  const up = head.getAttribute("aria-sort") !== "ascending";
  for (const other of heads) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const numeric = head.classList.contains("n");
  const order = rowElements.slice().sort((a, b) => {
    const x = key(a), y = key(b);
    const compared = numeric ? Number(x) - Number(y) : x.localeCompare(y);
    return up ? compared : -compared;
  });
  body.append(...order);
}
heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => sortBy(column)));

function filter() {
  const recipe = byId("filter-recipe").value, method = byId("filter-method").value, kept = byId("filter-kept").value;
  let shown = 0;
  rowElements.forEach((element, i) => {
    const row = rows[i];
    const hide = (recipe && row.recipe !== recipe) || (method && row.method !== method) || (kept && row.kept !== kept);
    element.hidden = Boolean(hide);
    if (!hide) ++shown;
  });
  byId("count").textContent = shown + " of " + rows.length + " results";
}
for (const id of ["filter-recipe", "filter-method", "filter-kept"]) byId(id).addEventListener("change", filter);

heads.forEach((head, column) => {
  const label = make("label");
  const box = make("input");
  box.type = "checkbox";
  box.checked = !head.hidden;
  box.addEventListener("change", () => {
    for (const row of [table.tHead.rows[0], ...rowElements]) row.cells[column].hidden = !box.checked;
  });
  label.append(box, " " + head.textContent);
  byId("columns").append(label);
});

function shownCells() {
  const columns = heads.map((_, i) => i).filter((i) => !heads[i].hidden);
  const lines = [columns.map((i) => heads[i].textContent)];
  for (const row of body.rows) {
    if (!row.hidden) lines.push(columns.map((i) => row.cells[i].textContent));
  }
  return {lines, numeric: columns.map((i) => heads[i].classList.contains("n"))};
}
async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Pages from disk may have no clipboard: the old way.
    const area = make("textarea", text);
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  byId("copied").textContent = what + " copied";
}
byId("copy-markdown").addEventListener("click", () => {
  const {lines, numeric} = shownCells();
  const line = (cells) => "| " + cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ") + " |";
  copy([line(lines[0]), line(numeric.map((n) => n ? "---:" : "---")), ...lines.slice(1).map(line)].join("\n") + "\n", "Markdown");
});
byId("copy-csv").addEventListener("click", () => {
  const quote = (cell) => /[",\n]/.test(cell) ? '"' + cell.replaceAll('"', '""') + '"' : cell;
  copy(shownCells().lines.map((cells) => cells.map(quote).join(",")).join("\n") + "\n", "CSV");
});

rowElements.forEach((element, i) => {
  element.addEventListener("click", () => select(i, false));
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); select(i, false); }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      let next = element;
      do next = event.key === "ArrowDown" ? next.nextElementSibling : next.previousElementSibling; while (next && next.hidden);
      if (next) next.focus();
    }
  });
});

// ---- Charts ----------------------------------------------------------------

const palette = ["#0b61d8", "#d9480f", "#2b8a3e", "#9c36b5", "#c2255c", "#0c8599", "#8a6d00", "#5c636b", "#6741d9", "#e8590c", "#087f5b", "#364fc7"];
const methods = [...new Set(rows.map((row) => row.method))];
const costs = ["file_bytes", "gzip_bytes", "latency_us_p50", "device_bytes"];
const has = (row, cost) => row[cost] > 0 && row.values.length > judged;
const plots = {};
let curves = null;

function front(cost) {
  const list = rows.filter((row) => has(row, cost)).sort((a, b) => a[cost] - b[cost] || (better(score(a), score(b)) ? -1 : 1));
  const points = [];
  for (const row of list) {
    if (points.length === 0 || better(score(row), points[points.length - 1].y)) points.push({x: row[cost], y: score(row), row});
  }
  return points;
}
function axes(x, y, kind) {
  // Measuring every label of a logarithmic axis takes longer than the rest.
  const grid = {color: style("--line")}, ticks = {color: style("--soft"), sampleSize: 8, maxRotation: 0};
  return {
    x: {type: kind, grid, ticks, title: {display: true, text: x, color: style("--soft")}},
    y: {grid, ticks, title: {display: true, text: y, color: style("--soft")}},
  };
}
const point = (cost) => (row) => ({x: row[cost], y: score(row), row});
function drawPareto() {
  for (const cost of costs) {
    const canvas = byId("pareto-" + cost);
    if (!rows.some((row) => row[cost] > 0)) { canvas.closest("figure").hidden = true; continue; }
    const datasets = methods.map((method, m) => ({
      label: method, data: rows.filter((row) => row.method === method && has(row, cost)).map(point(cost)),
      backgroundColor: palette[m % palette.length], borderColor: palette[m % palette.length], pointRadius: 4, pointHoverRadius: 7,
    }));
    datasets.push({label: "front", type: "line", data: front(cost), borderColor: style("--soft"), borderDash: [5, 4], borderWidth: 1.5, pointRadius: 0, pointHitRadius: 0, fill: false, stepped: "before"});
    datasets.push({label: "selected", data: [point(cost)(rows[selected])].filter((p) => p.x > 0), pointStyle: "circle", pointRadius: 10, pointHitRadius: 0, backgroundColor: "transparent", borderColor: style("--text"), borderWidth: 2});
    plots[cost]?.destroy();
    plots[cost] = new Chart(canvas, {
      type: "scatter", data: {datasets},
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, layout: {padding: {right: 26}},
        scales: axes(cost === "latency_us_p50" ? "us" : "bytes", metric().label, "logarithmic"),
        plugins: {
          legend: {labels: {color: style("--text"), boxWidth: 10, filter: (item) => item.text !== "selected"}},
          tooltip: {callbacks: {label: (item) => {
            const row = item.raw.row;
            return row.recipe + " " + row.method + ": " + row.texts.value + ", " + number(row[cost]) + (cost === "latency_us_p50" ? " us" : " bytes");
          }}},
        },
        onClick: (event, hits) => { const hit = hits.find((h) => datasets[h.datasetIndex].data[h.index].row); if (hit) select(rows.indexOf(datasets[hit.datasetIndex].data[hit.index].row), false); },
      },
    });
  }
}
byId("judged").addEventListener("change", () => { judged = Number(byId("judged").value); drawPareto(); });
function markSelected() {
  for (const cost of costs) {
    if (!plots[cost] || plots[cost].data.datasets.at(-1).data[0]?.row === rows[selected]) continue;
    plots[cost].data.datasets.at(-1).data = [point(cost)(rows[selected])].filter((p) => p.x > 0);
    plots[cost].update("none");
  }
}
function drawCurves() {
  const what = byId("curve").value, only = byId("curve-recipe").value;
  const names = byId("curve").selectedOptions[0].textContent;
  byId("curve-title").textContent = names[0].toUpperCase() + names.slice(1) + " by epoch";
  const datasets = [];
  data.models.forEach((model, m) => {
    if (only && model.id !== only) return;
    const color = palette[m % palette.length];
    const add = (field, label, dash) => {
      const points = model.epochs.map((epoch, i) => ({x: i + 1, y: epoch[field]})).filter((p) => p.y >= 0);
      if (points.length) datasets.push({label: model.id + label, data: points, showLine: true, borderColor: color, backgroundColor: color, borderDash: dash, borderWidth: 1.5, pointRadius: 2});
    };
    add(what, "", []);
    if (what === "loss" || what === "accuracy") add("validation_" + what, " (validation)", [4, 4]);
  });
  byId("no-curves").hidden = datasets.length > 0;
  byId("curves").closest("figure").hidden = datasets.length === 0;
  curves?.destroy();
  curves = null;
  if (!datasets.length) return;
  const scales = axes("epoch", names, "linear");
  scales.x.ticks.stepSize = 1;
  curves = new Chart(byId("curves"), {type: "scatter", data: {datasets}, options: {animation: false, responsive: true, maintainAspectRatio: false, scales, plugins: {legend: {labels: {color: style("--text"), boxWidth: 22, usePointStyle: true, pointStyle: "line"}}}}});
}
data.models.forEach((model) => byId("curve-recipe").append(option(model.id, model.id)));
for (const id of ["curve", "curve-recipe"]) byId(id).addEventListener("change", drawCurves);

// ---- Layers ----------------------------------------------------------------

const svgNamespace = (() => {
  const holder = make("div");
  holder.innerHTML = "<svg></svg>";
  return holder.firstChild.namespaceURI;
})();
function svg(tag, attributes) {
  const element = document.createElementNS(svgNamespace, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
function histogram(weights) {
  const cell = make("td");
  if (!weights || !weights.histogram.length) return cell;
  const picture = svg("svg", {viewBox: "0 0 96 26", width: 96, height: 26, class: "histogram", role: "img", "aria-label": "from " + weights.low.toPrecision(3) + " to " + weights.high.toPrecision(3)});
  const most = Math.max(...weights.histogram, 1);
  weights.histogram.forEach((count, i) => {
    const height = count ? Math.max(1, 26 * Math.log1p(count) / Math.log1p(most)) : 0;
    picture.append(svg("rect", {x: i * 4, y: 26 - height, width: 3.4, height}));
  });
  picture.style.width = "96px";
  const title = svg("title", {});
  title.textContent = weights.low.toPrecision(3) + " to " + weights.high.toPrecision(3) + ", counts on a logarithmic scale";
  picture.append(title);
  cell.append(picture);
  return cell;
}
const modelOf = (id) => data.models.find((model) => model.id === id);
function drawLayers() {
  const model = modelOf(byId("layer-recipe").value);
  const list = byId("layer-table").tBodies[0];
  list.replaceChildren();
  if (!model) return;
  const parent = modelOf(model.parent);
  for (const w of model.weights) {
    const row = list.insertRow();
    for (const text of [w.tensor, w.layer, w.op, w.shape]) row.append(make("td", text));
    const numbers = [number(w.values), number(w.macs), (100 * w.zeros / Math.max(1, w.values)).toFixed(1) + " %", number(w.distinct), w.entropy.toFixed(2), number(4 * w.values), number(2 * w.values), number(w.values)];
    for (const text of numbers) row.append(make("td", text, "n"));
    row.append(histogram(parent && parent.weights.find((p) => p.tensor === w.tensor)), histogram(w));
  }
}
data.models.forEach((model) => byId("layer-recipe").append(option(model.id, model.id)));
byId("layer-recipe").addEventListener("change", drawLayers);

// ---- One file --------------------------------------------------------------

function drawNoise(row) {
  const list = byId("noise-table").tBodies[0];
  list.replaceChildren();
  const noise = row.noise || [];
  for (const [name, db, worst] of noise) {
    const line = list.insertRow();
    line.append(make("td", data.names[name]), make("td", db === null ? "equal" : db.toFixed(1), "n"), make("td", worst.toPrecision(3), "n"));
  }
  if (!noise.length) { const cell = list.insertRow().insertCell(); cell.colSpan = 3; cell.textContent = "not kept for this file"; }
}
function drawMistakes(row) {
  const place = byId("confusion");
  place.replaceChildren();
  byId("wrong").replaceChildren();
  const mistakes = row.mistakes[byId("mistakes-output").value] ?? {wrong: []};
  byId("mistakes-of").textContent = row.path + ": " + row.texts.value + (mistakes.confusion ? "; labels down, answers across" : "");
  const names = mistakes.names ?? data.classes;
  const name = (c) => names[c] ?? String(c);
  if (mistakes.confusion) place.append(confusion(mistakes, name));
  drawWrong(row, mistakes, name);
}
byId("mistakes-output").addEventListener("change", () => drawMistakes(rows[selected]));
function confusion(mistakes, name) {
  const n = mistakes.classes, heat = style("--heat");
  const grid = make("table"), head = grid.createTHead().insertRow();
  head.append(make("th", ""));
  for (let c = 0; c < n; ++c) head.append(make("th", name(c)));
  const content = grid.createTBody();
  for (let label = 0; label < n; ++label) {
    const line = content.insertRow();
    const header = make("th", name(label));
    header.scope = "row";
    line.append(header);
    const counts = mistakes.confusion.slice(label * n, label * n + n);
    const sum = Math.max(1, counts.reduce((a, b) => a + b, 0));
    counts.forEach((count, c) => {
      const cell = make("td", String(count));
      if (count) cell.style.background = "rgba(" + heat + "," + (0.08 + 0.5 * count / sum).toFixed(2) + ")";
      if (c === label) cell.style.fontWeight = "600";
      line.append(cell);
    });
  }
  return grid;
}
function drawWrong(row, mistakes, name) {
  byId("wrong-title").textContent = mistakes.confusion || mistakes.wrong.some((wrong) => wrong[1] >= 0) ? "Surest and wrong" : "Worst samples";
  for (const [sample, label, answer, margin, wanted, given, origin] of mistakes.wrong) {
    const card = make("div");
    const picture = data.pictures[row.data + "/" + sample];
    if (picture) {
      const image = make("img");
      image.src = "data:image/png;base64," + picture;
      image.alt = "sample " + sample;
      card.append(image);
    }
    const what = label >= 0 ? name(label) + " taken for " + name(answer) : [wanted && "wanted " + wanted, given && "given " + given].filter(Boolean).join(", ");
    card.title = data.names[origin] ?? "";
    card.append(make("div", "sample " + sample), make("div", what), make("div", (label >= 0 ? "by " : "off by ") + margin.toPrecision(3), "soft"));
    byId("wrong").append(card);
  }
  if (!mistakes.wrong.length) byId("wrong").append(make("p", "none", "soft"));
}
function drawMemory(row) {
  const place = byId("memory-plot");
  place.replaceChildren();
  const plan = data.plans[row.plan];
  place.hidden = !plan;
  byId("memory-of").textContent = plan ? row.path + ": " + number(plan.arena_bytes) + " bytes of activations for one sample, operators from left to right, bytes upwards" : row.path + ": no plan of its memory is kept";
  if (!plan) return;
  const steps = plan.operators.length, wide = 900, high = 300, left = 60, low = 90;
  const picture = svg("svg", {viewBox: "0 0 " + (wide + left + 60) + " " + (high + low), role: "img", "aria-label": "lifetimes of tensors in the arena"});
  const x = (step) => left + wide * step / steps, y = (bytes) => 10 + (high - 10) * (1 - bytes / Math.max(1, plan.arena_bytes));
  plan.tensors.forEach(([name, bytes, offset, first, last], i) => {
    const box = svg("rect", {x: x(first), y: y(offset + bytes), width: Math.max(1, x(last + 1) - x(first)), height: Math.max(1, y(offset) - y(offset + bytes)), "fill-opacity": 0.35 + 0.5 * (i % 3) / 2});
    const title = svg("title", {});
    title.textContent = data.names[name] + ": " + number(bytes) + " bytes at " + number(offset);
    box.append(title);
    picture.append(box);
  });
  for (const share of [0, 0.5, 1]) {
    const text = svg("text", {x: left - 6, y: y(share * plan.arena_bytes) + 4, "text-anchor": "end"});
    text.textContent = number(Math.round(share * plan.arena_bytes));
    picture.append(text);
  }
  const every = Math.ceil(steps / 30);
  plan.operators.forEach((name, step) => {
    if (step % every) return;
    const at = x(step + 0.5);
    const text = svg("text", {x: at, y: high + 14, transform: "rotate(35 " + at + " " + (high + 14) + ")"});
    text.textContent = name;
    picture.append(text);
  });
  place.append(picture);
}
function select(i, scroll) {
  rowElements[selected].classList.remove("selected");
  rowElements[selected].removeAttribute("aria-selected");
  selected = i;
  rowElements[i].classList.add("selected");
  rowElements[i].setAttribute("aria-selected", "true");
  if (scroll) { rowElements[i].hidden = false; rowElements[i].scrollIntoView({block: "center"}); rowElements[i].focus({preventScroll: true}); }
  markSelected();
  const row = rows[i];
  if (modelOf(row.model)) { byId("layer-recipe").value = row.model; drawLayers(); }
  drawNoise(row);
  drawMistakes(row);
  drawMemory(row);
}

function drawAll() { drawPareto(); drawCurves(); }
answer();
filter();
select(Math.max(0, rows.indexOf(answers.smallest(within(0.5)))), false);
drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { drawAll(); markSelected(); drawMistakes(rows[selected]); });
})();
