// Drawing on canvases: curves with axes, planes of 2-D data, decoded images.
"use strict";

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

// Prepares a canvas for crisp lines: width and height in CSS pixels.
function prepare(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  return context;
}

function drawRing(context, x, y, radius, stroke, width = 2) {
  context.strokeStyle = stroke;
  context.lineWidth = width;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

// Round values between two bounds, about `count` of them.
function ticks(low, high, count) {
  const rough = (high - low) / count;
  if (!(rough > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(rough));
  const spacing = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999);
  const values = [];
  for (let n = Math.ceil(low / spacing - 1e-9); n * spacing <= high + 1e-9 * spacing; n++) values.push(n * spacing);
  return values;
}

function formatNumber(value) {
  const size = Math.abs(value);
  let text;
  if (size >= 1e6 || (size > 0 && size < 1e-4)) text = value.toExponential(1);
  else if (size >= 10000) text = Math.round(value).toLocaleString("en-US");
  else text = String(Number(value.toPrecision(4)));
  return text.replaceAll("-", "−");
}

const formatStep = (step) => (step >= 1000 ? `${Number((step / 1000).toPrecision(3))}k` : String(Math.round(step)));

// The range of y that shows the later part of the curves; the first steps are often far off.
function valueRange(lines) {
  const values = [];
  for (const line of lines) values.push(...line.y.slice(Math.floor(line.y.length / 20)).filter((value) => value !== null));
  values.sort((a, b) => a - b);
  if (!values.length) return [0, 1];
  const low = values[Math.floor(0.002 * (values.length - 1))];
  const high = values[Math.ceil(0.998 * (values.length - 1))];
  const margin = 0.08 * (high - low) || Math.abs(high) * 0.05 || 1;
  return [low - margin, high + margin];
}

function lineColor(line, lines) {
  if (line.index !== null) return color(`class-${line.index % 10}`);
  if (line.role === "test_ema") return color("accent");
  return lines.some((other) => other.role === "test_ema") ? color("muted") : color("accent");
}

// Draws a chart; marks are pairs of step and text; the vertical line is at `step`.
function drawChart(canvas, chart, marks, step, width) {
  const height = 200;
  const context = prepare(canvas, width, height);
  const plot = { left: 56, right: width - 76, top: 8, bottom: height - 34 };
  const lines = chart.lines;
  const lastX = Math.max(1, ...lines.map((line) => line.x[line.x.length - 1]));
  const [low, high] = valueRange(lines);
  const toX = (x) => plot.left + ((plot.right - plot.left) * x) / lastX;
  const toY = (y) => plot.bottom - ((plot.bottom - plot.top) * (y - low)) / (high - low);
  // Axes with ticks and names.
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const value of ticks(low, high, 4)) {
    context.fillStyle = color("faint");
    context.fillRect(plot.left, Math.round(toY(value)), plot.right - plot.left, 0.5);
    context.fillStyle = color("muted");
    context.fillText(formatNumber(value), plot.left - 6, toY(value));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const value of ticks(0, lastX, 4)) context.fillText(formatStep(value), toX(value), plot.bottom + 4);
  context.textAlign = "right";
  context.fillText("step", plot.right, plot.bottom + 18);
  // Curves, clipped to the plot.
  context.save();
  context.beginPath();
  context.rect(plot.left, plot.top, plot.right - plot.left, plot.bottom - plot.top);
  context.clip();
  for (const line of lines) {
    context.strokeStyle = lineColor(line, lines);
    context.lineWidth = line.role === "test_ema" ? 2 : 1;
    context.setLineDash(line.role === "test_raw" ? [2, 3] : []);
    context.beginPath();
    let isOpen = false;
    line.x.forEach((x, index) => {
      const y = line.y[index];
      if (y === null) isOpen = false;
      else if (isOpen) context.lineTo(toX(x), toY(y));
      else {
        context.moveTo(toX(x), toY(y));
        isOpen = true;
      }
    });
    context.stroke();
  }
  context.restore();
  context.setLineDash([]);
  // Changes of settings, and the selected step.
  context.textAlign = "left";
  context.textBaseline = "top";
  marks.forEach(([at, text], index) => {
    context.fillStyle = color("warning");
    context.fillRect(toX(at), plot.top, 1, plot.bottom - plot.top);
    context.fillText(`▲ ${text}`, toX(at) + 4, plot.top + 14 * (index % 4));
  });
  if (step !== null) {
    context.fillStyle = color("text");
    context.fillRect(Math.round(toX(Math.min(step, lastX))), plot.top, 1, plot.bottom - plot.top);
  }
  // A label at the end of each curve, moved apart where they would overlap.
  context.textBaseline = "middle";
  const ends = lines
    .map((line) => ({ line, y: toY(line.y.filter((value) => value !== null).pop() ?? low) }))
    .sort((a, b) => a.y - b.y);
  let free = plot.top + 6;
  for (const { line, y } of ends) {
    const at = Math.max(free, Math.min(y, plot.bottom - 6));
    context.fillStyle = lineColor(line, lines);
    context.fillText(line.label, plot.right + 4, at);
    free = at + 13;
  }
  return { plot, lastX };
}

// Draws 2-D data: a surface of gray levels, data, samples, and a marked point.
function drawPlane(canvas, points, frame, marked, width) {
  const context = prepare(canvas, width, width);
  const [x0, x1, y0, y1] = points.bounds;
  const toX = (x) => ((x - x0) / (x1 - x0)) * width;
  const toY = (y) => (1 - (y - y0) / (y1 - y0)) * width;
  if (frame.surface) {
    const { side, levels } = frame.surface;
    const bytes = Uint8Array.from(atob(levels), (character) => character.charCodeAt(0));
    const image = new ImageData(side, side);
    const isDark = document.documentElement.dataset.theme === "dark";
    bytes.forEach((level, index) => {
      // From the background to the accent's blue.
      const mix = (from, to) => Math.round(from + ((to - from) * level) / 255);
      image.data.set(isDark ? [mix(22, 60), mix(24, 120), mix(28, 190), 255] : [mix(250, 120), mix(250, 175), mix(248, 225), 255], 4 * index);
    });
    const buffer = document.createElement("canvas");
    buffer.width = buffer.height = side;
    buffer.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = true;
    context.drawImage(buffer, 0, 0, width, width);
  } else {
    context.fillStyle = color("surface");
    context.fillRect(0, 0, width, width);
  }
  const dots = (values, fill, radius) => {
    context.fillStyle = fill;
    for (let i = 0; i < values.length; i += 2) {
      context.beginPath();
      context.arc(toX(values[i]), toY(values[i + 1]), radius, 0, 2 * Math.PI);
      context.fill();
    }
  };
  dots(points.data, color("muted"), 1.5);
  dots(frame.samples, color("warning"), 2);
  if (marked) drawRing(context, toX(marked[0]), toY(marked[1]), 7, color("text"));
  // The corners' coordinates.
  context.fillStyle = color("text");
  context.textBaseline = "bottom";
  context.fillText(`x₁ from ${formatNumber(x0)} to ${formatNumber(x1)}, x₂ from ${formatNumber(y0)} to ${formatNumber(y1)}`, 6, width - 4);
}

// Writes one image of a batch (N, C, H, W) in [0, 1] into image data.
function writeImage(values, shape, index, image, left = 0, top = 0) {
  const [channels, height, width] = shape;
  const area = height * width;
  const start = index * channels * area;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = 4 * ((top + y) * image.width + left + x);
      for (let c = 0; c < 3; c++) {
        const value = values[start + Math.min(c, channels - 1) * area + y * width + x];
        image.data[at + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
      }
      image.data[at + 3] = 255;
    }
}
