// The page: explorers that decode in a worker, pictures through training, curves, settings, theory.
"use strict";

const { runs, version } = JSON.parse(document.getElementById("data").textContent);
const redraws = []; // called when the theme, the size or the selected step changes
const state = { step: null }; // the selected step of the training; null shows the newest

// Elements ------------------------------------------------------------------------------------------------------------

function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

const section = (title, ...children) => element("section", {}, element("h3", { textContent: title }), ...children);

// Shows what went wrong, once, above everything.
function showProblem(error) {
  if (!document.getElementById("problem"))
    document.getElementById("main").prepend(element("p", { id: "problem", className: "warning", textContent: `Decoding failed: ${error}` }));
}

// Models --------------------------------------------------------------------------------------------------------------

// Decodes latents in a worker, or, where there is none, in this thread.
class Decoder {
  constructor(model) {
    const bytes = Uint8Array.from(atob(model.weights), (character) => character.charCodeAt(0));
    this.pending = new Map();
    this.count = 0;
    const handler = `
      let graph;
      onmessage = ({ data }) => {
        if (data.graph) graph = new Executor.Graph(data.graph, data.bytes);
        else {
          try {
            postMessage({ id: data.id, values: graph.run(data.z, data.count).data });
          } catch (error) {
            postMessage({ id: data.id, error: String(error) });
          }
        }
      };`;
    try {
      const source = document.getElementById("executor").textContent + handler;
      this.worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      this.worker.onmessage = ({ data }) => {
        const { resolve, reject } = this.pending.get(data.id);
        this.pending.delete(data.id);
        if (data.error) reject(new Error(data.error));
        else resolve(data.values);
      };
      this.worker.onerror = (event) => showProblem(event.message);
      this.worker.postMessage({ graph: model.graph, bytes });
    } catch {
      this.worker = null;
      this.graph = new Executor.Graph(model.graph, bytes);
    }
  }

  decode(z, count) {
    if (!this.worker) return new Promise((resolve) => setTimeout(() => resolve(this.graph.run(z, count).data)));
    return new Promise((resolve, reject) => {
      this.pending.set(++this.count, { resolve, reject });
      this.worker.postMessage({ id: this.count, z, count });
    });
  }
}

// Runs an asynchronous function for the newest argument alone: those that came while it was busy are skipped.
function newestOnly(work) {
  let next = null;
  let isBusy = false;
  const run = async () => {
    while (next !== null) {
      const argument = next;
      next = null;
      isBusy = true;
      try {
        await work(argument);
      } catch (error) {
        showProblem(error);
      }
      isBusy = false;
    }
  };
  return (argument) => {
    next = argument;
    if (!isBusy) run();
  };
}

// Pseudorandom normal numbers of a seed: mulberry32 and Box-Muller.
function normal(seed, count) {
  let a = seed >>> 0;
  const uniform = () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Float32Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()));
}

// Φ⁻¹, the inverse of the normal distribution function, to 1e-9: Acklam's rational approximation.
function inverseNormal(u) {
  const a = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239];
  const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572];
  const c = [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783];
  const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];
  const polynomial = (coefficients, x) => coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
  if (u < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(u));
    return polynomial(c, q) / polynomial([...d, 1], q);
  }
  if (u > 1 - 0.02425) return -inverseNormal(1 - u);
  const q = u - 0.5;
  return (q * polynomial(a, q * q)) / polynomial([...b, 1], q * q);
}

// Latents are shared: runs with equally many dimensions show the same z.
const latents = new Map();
function latentOf(dimensions) {
  if (!latents.has(dimensions))
    latents.set(dimensions, { z: dimensions === 2 ? new Float32Array([0.3, -0.3]) : normal(1, dimensions), listeners: [] });
  return latents.get(dimensions);
}
function setLatent(dimensions, z) {
  const latent = latentOf(dimensions);
  latent.z = z;
  latent.listeners.forEach((listener) => listener(z));
}

// Lets a pointer and the arrow keys move over a square canvas; calls move(x, y) with positions in [0, 1].
function draggable(canvas, position, move) {
  const fromPointer = (event) => {
    const box = canvas.getBoundingClientRect();
    const clamp = (value) => Math.min(0.9999, Math.max(0.0001, value));
    move(clamp((event.clientX - box.left) / box.width), clamp((event.clientY - box.top) / box.height));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fromPointer(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) fromPointer(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.005 : 0.02;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const [x, y] = position();
    const clamp = (value) => Math.min(0.9999, Math.max(0.0001, value));
    move(clamp(x + moves[event.key][0]), clamp(y + moves[event.key][1]));
  });
}

// Φ, by the error function of the executor's accuracy; only for the position of the cursor.
function normalCdf(z) {
  let low = 0.0001;
  let high = 0.9999;
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    if (inverseNormal(middle) < z) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

// Explorers -----------------------------------------------------------------------------------------------------------

const zText = (z) => `z = (${Array.from(z.slice(0, 4), (value) => value.toFixed(2).replace("-", "−")).join(", ")}${z.length > 4 ? ", …" : ""})`;

// A canvas with the image of the shared z, decoded live.
function decodedImage(model, decoder) {
  const [, height, width] = model.shape;
  const canvas = element("canvas", { className: "pixels", width, height, role: "img" });
  canvas.style.width = `${Math.max(1, Math.floor(224 / Math.max(width, height))) * width}px`;
  const caption = element("figcaption", { textContent: "" });
  const image = new ImageData(width, height);
  const show = newestOnly(async (z) => {
    const values = await decoder.decode(z, 1);
    writeImage(values, model.shape, 0, image);
    canvas.getContext("2d").putImageData(image, 0, 0);
    caption.textContent = zText(z);
    canvas.setAttribute("aria-label", `decoded image at ${zText(z)}`);
    canvas.dataset.z = Array.from(z).join(",");
  });
  latentOf(model.latent_dim).listeners.push(show);
  show(latentOf(model.latent_dim).z);
  return element("figure", {}, canvas, caption);
}

function manifold(model, decoder) {
  const [, height, width] = model.shape;
  const side = Math.max(6, Math.min(15, Math.floor(420 / width)));
  const size = Math.min(420, window.innerWidth - 48);
  const grid = document.createElement("canvas");
  grid.width = side * width;
  grid.height = side * height;
  const canvas = element("canvas", { className: "drag", tabIndex: 0, role: "application" });
  canvas.setAttribute("aria-label", "latent plane: arrow keys move the cursor");
  const position = () => {
    const { z } = latentOf(2);
    return [normalCdf(z[0]), 1 - normalCdf(z[1])];
  };
  const draw = () => {
    const context = prepare(canvas, size, size);
    context.imageSmoothingEnabled = false;
    context.drawImage(grid, 0, 0, size, size);
    const [x, y] = position();
    drawRing(context, x * size, y * size, 8, color("warning"));
  };
  // The tiles, row by row; u = Φ(z) is uniform under the prior.
  (async () => {
    const image = new ImageData(grid.width, grid.height);
    for (let row = 0; row < side; row++) {
      const z = new Float32Array(2 * side);
      for (let column = 0; column < side; column++) {
        z[2 * column] = inverseNormal((column + 0.5) / side);
        z[2 * column + 1] = inverseNormal(1 - (row + 0.5) / side);
      }
      const values = await decoder.decode(z, side);
      for (let column = 0; column < side; column++) writeImage(values, model.shape, column, image, column * width, row * height);
      grid.getContext("2d").putImageData(image, 0, 0);
      draw();
    }
    canvas.dataset.complete = "true";
  })().catch(showProblem);
  draggable(canvas, position, (x, y) => setLatent(2, new Float32Array([inverseNormal(x), inverseNormal(1 - y)])));
  latentOf(2).listeners.push(draw);
  redraws.push(draw);
  draw();
  const caption = element("figcaption", { textContent: "drag over the latent plane: z₁ from left to right, z₂ upward, at equal steps of Φ(z)" });
  return element("figure", {}, canvas, caption);
}

function sliders(model) {
  const dimensions = model.latent_dim;
  const box = element("div", { className: "sliders" });
  const inputs = model.axes.map((axis) => {
    const input = element("input", { type: "range", min: "-3", max: "3", step: "0.01" });
    const value = element("span", {});
    input.setAttribute("aria-label", `latent dimension ${axis + 1}`);
    input.addEventListener("input", () => {
      const z = latentOf(dimensions).z.slice();
      z[axis] = Number(input.value);
      setLatent(dimensions, z);
    });
    box.append(element("label", {}, element("span", { textContent: `z${axis + 1}` }), input, value));
    return { axis, input, value };
  });
  const update = (z) =>
    inputs.forEach(({ axis, input, value }) => {
      input.value = String(z[axis]);
      value.textContent = z[axis].toFixed(2).replace("-", "−");
    });
  // A path between two samples.
  let seed = 1;
  let ends = [latentOf(dimensions).z, normal(2, dimensions)];
  const path = element("input", { type: "range", min: "0", max: "1", step: "0.01", value: "0" });
  path.setAttribute("aria-label", "path between two samples");
  path.addEventListener("input", () => setLatent(dimensions, spherical(ends[0], ends[1], Number(path.value))));
  box.append(element("label", {}, element("span", { textContent: "A → B" }), path, element("span", {})));
  const another = element("button", { type: "button", textContent: "New sample" });
  another.addEventListener("click", () => {
    seed += 2;
    ends = [normal(seed, dimensions), normal(seed + 1, dimensions)];
    path.value = "0";
    setLatent(dimensions, ends[0]);
  });
  const prior = element("button", { type: "button", textContent: "z = 0" });
  prior.addEventListener("click", () => setLatent(dimensions, new Float32Array(dimensions)));
  box.append(element("div", { className: "buttons" }, another, prior));
  if (model.axes.length && model.axes.length < dimensions)
    box.append(element("p", { className: "hint", textContent: `the ${model.axes.length} most influential of ${dimensions} dimensions` }));
  latentOf(dimensions).listeners.push(update);
  update(latentOf(dimensions).z);
  return box;
}

// Spherical interpolation, which keeps the length of z typical: Shoemake 1985.
function spherical(a, b, t) {
  const dot = (x, y) => x.reduce((sum, value, index) => sum + value * y[index], 0);
  const angle = Math.acos(Math.min(1, Math.max(-1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
  const weights = angle < 1e-4 ? [1 - t, t] : [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)];
  return a.map((value, index) => weights[0] * value + weights[1] * b[index]);
}

function explorer(run) {
  const { model } = run;
  if (run.kind === "points") return plane(run);
  if (model.reason) return section("Latent space", element("p", { className: "muted", textContent: model.reason }));
  const decoder = new Decoder(model);
  const controls = model.latent_dim === 2 ? manifold(model, decoder) : sliders(model);
  const parts = [controls, decodedImage(model, decoder)];
  const node = section("Latent space, decoded live", element("div", { className: "explorer" }, ...(model.latent_dim === 2 ? parts : parts.reverse())));
  node.classList.add("wide");
  return node;
}

// 2-D data: surface and samples at the selected step; a latent moves a point live.
function plane(run) {
  const { points, model } = run;
  if (!points) return section("2-D data", element("p", { className: "muted", textContent: model.reason || "The data were not there when the page was made." }));
  const canvas = element("canvas", { role: "img" });
  canvas.setAttribute("aria-label", "data, samples and surface");
  const size = Math.min(420, window.innerWidth - 48);
  const caption = element("figcaption", {});
  let marked = null;
  const draw = () => {
    const frame = newestAt(points.frames, (each) => each.step) || points.frames[0];
    drawPlane(canvas, points, frame, marked, size);
    caption.textContent = `step ${frame.step.toLocaleString("en-US")}: samples in orange, data in gray` + (frame.surface ? `; ${points.label}` : "");
  };
  redraws.push(draw);
  draw();
  const parts = [element("figure", {}, canvas, caption)];
  if (!model.reason && model.latent_dim === 2) {
    // A pad for z, whose point is drawn as a ring among the data.
    const decoder = new Decoder(model);
    const pad = element("canvas", { className: "drag", tabIndex: 0, role: "application" });
    pad.setAttribute("aria-label", "latent plane: arrow keys move the cursor");
    const position = () => [(latentOf(2).z[0] + 3) / 6, (3 - latentOf(2).z[1]) / 6];
    const padSize = Math.min(180, size);
    const zCaption = element("figcaption", {});
    const drawPad = () => {
      const context = prepare(pad, padSize, padSize);
      context.fillStyle = color("surface");
      context.fillRect(0, 0, padSize, padSize);
      for (const radius of [1, 2]) drawRing(context, padSize / 2, padSize / 2, (radius * padSize) / 6, color("faint"), 1);
      const [x, y] = position();
      drawRing(context, x * padSize, y * padSize, 7, color("warning"));
      zCaption.textContent = `${zText(latentOf(2).z)}, drag; its point is the ring`;
    };
    const show = newestOnly(async (z) => {
      marked = Array.from(await decoder.decode(z, 1));
      draw();
      drawPad();
    });
    draggable(pad, position, (x, y) => setLatent(2, new Float32Array([6 * x - 3, 3 - 6 * y])));
    latentOf(2).listeners.push(show);
    redraws.push(drawPad);
    show(latentOf(2).z);
    parts.push(element("figure", {}, pad, zCaption));
  }
  const node = section("2-D data through training", element("div", { className: "explorer" }, ...parts));
  node.classList.add("wide");
  return node;
}

// Through training ----------------------------------------------------------------------------------------------------

// The newest entry at or before the selected step; the newest of all where none is selected.
function newestAt(entries, stepOf) {
  const before = entries.filter((entry) => state.step === null || stepOf(entry) <= state.step);
  return before[before.length - 1];
}

function pictures(run) {
  if (run.points) return ""; // drawn above, with more detail
  const kinds = Object.keys(run.pictures).filter((kind) => run.pictures[kind].length);
  if (!kinds.length) return "";
  const image = element("img", { className: "pixels", alt: "" });
  const caption = element("figcaption", {});
  let kind = kinds.includes("samples") ? "samples" : kinds[0];
  const draw = () => {
    const entry = newestAt(run.pictures[kind], ([step]) => step) || run.pictures[kind][0];
    if (image.src !== entry[1]) image.src = entry[1];
    image.alt = `${kind} at step ${entry[0]}`;
    caption.textContent = `${kind} at step ${entry[0].toLocaleString("en-US")}`;
  };
  const choice = element("select", {}, ...kinds.map((name) => element("option", { value: name, textContent: name })));
  choice.setAttribute("aria-label", "kind of picture");
  choice.value = kind;
  choice.addEventListener("change", () => {
    kind = choice.value;
    draw();
  });
  redraws.push(draw);
  draw();
  return section("Through training", element("figure", {}, image, caption), kinds.length > 1 ? element("p", {}, choice) : "");
}

function curves(run) {
  const box = element("div", {});
  const more = element("details", {}, element("summary", { textContent: "More curves" }));
  const drawn = run.charts.filter((chart) => chart.lines.length);
  drawn.forEach((chart, index) => {
    const canvas = element("canvas", { role: "img" });
    canvas.setAttribute("aria-label", `${chart.label} over steps`);
    const figure = element("figure", {}, element("figcaption", { textContent: chart.label }), canvas);
    (index < 3 ? box : more).append(figure);
    const draw = () => {
      const width = Math.min(640, (figure.parentElement.clientWidth || box.clientWidth || 400));
      drawChart(canvas, chart, run.marks, state.step, width);
    };
    redraws.push(draw);
    canvas.addEventListener("click", (event) => {
      const { plot, lastX } = drawChart(canvas, chart, run.marks, state.step, parseFloat(canvas.style.width));
      const x = event.clientX - canvas.getBoundingClientRect().left;
      selectStep(Math.max(0, (lastX * (x - plot.left)) / (plot.right - plot.left)));
    });
  });
  if (drawn.length > 3) box.append(more);
  more.addEventListener("toggle", redrawAll);
  return section("Curves", drawn.length ? box : element("p", { className: "muted", textContent: "No values were recorded." }));
}

// Texts ---------------------------------------------------------------------------------------------------------------

function texts(run) {
  const nodes = [];
  if (run.expected_failure) nodes.push(section("What to watch", element("p", { className: "watch", textContent: run.expected_failure })));
  else if (run.expected_result) nodes.push(section("Expected of this preset", element("p", { className: "watch", textContent: run.expected_result })));
  if (run.alerts.length)
    nodes.push(section("Alerts", ...run.alerts.map(([step, severity, message]) =>
      element("p", { className: severity === "info" ? "muted" : "warning", textContent: `step ${step.toLocaleString("en-US")}: ${message}` }))));
  const { theory } = run;
  if (theory && theory.equation) {
    const rows = theory.terms.map(([symbol, name, value, explanation]) =>
      element("tr", {}, element("td", { textContent: symbol || name }), element("td", { textContent: value }), element("td", { textContent: explanation })));
    const stages = theory.stages.map(([symbol, name, explanation]) => element("tr", {}, element("td", { textContent: symbol }), element("td", { textContent: name }), element("td", { textContent: explanation })));
    nodes.push(section("Theory", element("p", { className: "equation", textContent: theory.equation }),
      theory.line ? element("p", { textContent: `${theory.line}  (${theory.setup})` }) : "",
      element("table", {}, element("tbody", {}, ...rows)),
      element("details", {}, element("summary", { textContent: "From data to samples" }), element("table", {}, element("tbody", {}, ...stages)),
        ...theory.notes.map((note) => element("p", { className: "muted", textContent: note }))),
      theory.reference ? element("p", { className: "muted", textContent: theory.reference }) : ""));
  }
  const sections = run.config.map(([name, rows]) => [
    element("tr", {}, element("td", { colSpan: 2 }, element("strong", { textContent: name }))),
    ...rows.map(([key, value, since]) => element("tr", {}, element("td", { textContent: key }), element("td", { className: since ? "changed" : "", textContent: since ? `${value} (${since})` : value }))),
  ]);
  nodes.push(element("details", {}, element("summary", { textContent: "Settings" }), element("table", {}, element("tbody", {}, ...sections.flat()))));
  return nodes;
}

// The page ------------------------------------------------------------------------------------------------------------

const allSteps = [...new Set(runs.flatMap((run) => [
  ...Object.values(run.pictures).flat().map(([step]) => step),
  ...(run.points ? run.points.frames.map((frame) => frame.step) : []),
]))].sort((a, b) => a - b);

let slider = null;
let stepText = null;

function redrawAll() {
  redraws.forEach((redraw) => redraw());
}

function selectStep(step) {
  if (!allSteps.length) return;
  let index = 0;
  allSteps.forEach((each, at) => {
    if (Math.abs(each - step) < Math.abs(allSteps[index] - step)) index = at;
  });
  showStep(index);
}

function showStep(index) {
  state.step = allSteps[index];
  slider.value = String(index);
  stepText.textContent = `step ${state.step.toLocaleString("en-US")}`;
  redrawAll();
}

function stepBar() {
  slider = element("input", { type: "range", min: "0", max: String(allSteps.length - 1), step: "1" });
  slider.setAttribute("aria-label", "step of the training");
  slider.addEventListener("input", () => showStep(Number(slider.value)));
  stepText = element("output", {});
  const play = element("button", { type: "button", textContent: "▶" });
  play.setAttribute("aria-label", "play");
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
  };
  play.addEventListener("click", () => {
    if (timer) return stop();
    play.textContent = "❚❚";
    let index = Number(slider.value) >= allSteps.length - 1 ? -1 : Number(slider.value);
    timer = setInterval(() => {
      if (++index >= allSteps.length) stop();
      else showStep(index);
    }, 400);
  });
  return element("div", { className: "step-bar" }, play, element("span", { textContent: "training" }), slider, stepText);
}

function build() {
  document.getElementById("title").textContent = runs.length === 1 ? runs[0].name : "Comparison";
  const main = document.getElementById("main");
  main.replaceChildren();
  const columns = runs.map((run) => {
    const facts = [run.family, ...run.facts.map(([key, value]) => (key ? `${key} ${value}` : value))].filter(Boolean);
    const head = element("section", { className: "wide" }, ...(runs.length > 1 ? [element("h2", { textContent: run.name })] : []),
      element("p", { className: "muted facts", textContent: facts.join(" · ") }));
    return element("article", { className: "run" }, head, explorer(run), pictures(run), curves(run), ...texts(run));
  });
  if (allSteps.length > 1) main.append(stepBar());
  main.append(element("div", { className: runs.length === 1 ? "runs single" : "runs" }, ...columns));
  if (allSteps.length > 1) showStep(allSteps.length - 1);
  else redrawAll();
  document.getElementById("footer").textContent = `Made by genexplorer ${version}. Everything on this page is computed in your browser; nothing is sent.`;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  redrawAll();
}

const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
setTheme(prefersDark.matches ? "dark" : "light");
prefersDark.addEventListener("change", () => setTheme(prefersDark.matches ? "dark" : "light"));
document.getElementById("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
window.addEventListener("resize", redrawAll);
build();
