// Runs an ONNX graph in plain JavaScript: the operators that the decoders of generative models need, in float32.
// A tensor is {dims, data}: data is a Float32Array, or an Int32Array for integers and booleans.
"use strict";

var Executor = (() => {
  const size = (dims) => dims.reduce((product, length) => product * length, 1);
  const float = (dims) => ({ dims, data: new Float32Array(size(dims)) });
  const integer = (dims) => ({ dims, data: new Int32Array(size(dims)) });
  const like = (tensor, dims) => (tensor.data instanceof Float32Array ? float(dims) : integer(dims));
  const axisOf = (axis, rank) => (axis < 0 ? axis + rank : axis);

  function stridesOf(dims) {
    const strides = new Array(dims.length).fill(1);
    for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1] * dims[axis + 1];
    return strides;
  }

  // The shape to which tensors are broadcast.
  function broadcastDims(tensors) {
    const rank = Math.max(...tensors.map((tensor) => tensor.dims.length));
    const dims = new Array(rank).fill(1);
    for (const tensor of tensors)
      tensor.dims.forEach((length, axis) => {
        const at = axis + rank - tensor.dims.length;
        if (length !== 1) dims[at] = length;
      });
    return dims;
  }

  // For each element of a shape, the offset in a tensor that is broadcast to it.
  function broadcastOffsets(tensor, dims) {
    const offsets = new Int32Array(size(dims));
    const strides = stridesOf(tensor.dims);
    const shift = dims.length - tensor.dims.length;
    const steps = dims.map((_, axis) => (axis < shift || tensor.dims[axis - shift] === 1 ? 0 : strides[axis - shift]));
    const position = new Array(dims.length).fill(0);
    let offset = 0;
    for (let index = 0; index < offsets.length; index++) {
      offsets[index] = offset;
      for (let axis = dims.length - 1; axis >= 0; axis--) {
        offset += steps[axis];
        if (++position[axis] < dims[axis]) break;
        offset -= steps[axis] * dims[axis];
        position[axis] = 0;
      }
    }
    return offsets;
  }

  const sameDims = (a, b) => a.length === b.length && a.every((length, axis) => length === b[axis]);

  function elementwise(make, compute) {
    return (inputs) => {
      const dims = broadcastDims(inputs);
      const output = make(inputs, dims);
      const [a, b, c] = inputs.map((tensor) => tensor.data);
      const count = output.data.length;
      // Fast paths: equal shapes, and a second operand of one value.
      if (inputs.length === 2 && sameDims(inputs[0].dims, dims) && (b.length === 1 || sameDims(inputs[1].dims, dims))) {
        const isScalar = b.length === 1;
        for (let i = 0; i < count; i++) output.data[i] = compute(a[i], b[isScalar ? 0 : i]);
        return [output];
      }
      const offsets = inputs.map((tensor) => broadcastOffsets(tensor, dims));
      for (let i = 0; i < count; i++)
        output.data[i] = compute(a[offsets[0][i]], b[offsets[1][i]], c ? c[offsets[2][i]] : 0);
      return [output];
    };
  }

  const arithmetic = (compute) => elementwise((inputs, dims) => like(inputs[0], dims), compute);
  const comparison = (compute) => elementwise((_, dims) => integer(dims), (a, b) => (compute(a, b) ? 1 : 0));

  function map(compute) {
    return ([input]) => {
      const output = like(input, input.dims);
      for (let i = 0; i < output.data.length; i++) output.data[i] = compute(input.data[i]);
      return [output];
    };
  }

  // erf with an error below 1.2e-7: Press et al., Numerical Recipes, section 6.2.
  function erf(x) {
    const t = 1 / (1 + 0.5 * Math.abs(x));
    const polynomial = [
      0.17087277, -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
      -1.26551223,
    ].reduce((sum, coefficient) => sum * t + coefficient, 0);
    const complement = t * Math.exp(-x * x + polynomial);
    return x >= 0 ? 1 - complement : complement - 1;
  }

  const sigmoid = (x) => 1 / (1 + Math.exp(-x));
  const softplus = (x) => (x > 20 ? x : Math.log1p(Math.exp(x)));

  function roundHalfToEven(x) {
    const floor = Math.floor(x);
    if (x - floor !== 0.5) return Math.round(x);
    return floor % 2 === 0 ? floor : floor + 1;
  }

  // Splits dims at an axis: the number of elements before it, its length, and those behind it.
  function splitAt(dims, axis) {
    const at = axisOf(axis, dims.length);
    return { outer: size(dims.slice(0, at)), length: dims[at], inner: size(dims.slice(at + 1)), at };
  }

  function matmul(a, b) {
    const [m, k] = a.dims.slice(-2);
    const n = b.dims[b.dims.length - 1];
    const batch = size(a.dims.slice(0, -2));
    const stepB = b.dims.length > 2 ? k * n : 0;
    const output = float([...a.dims.slice(0, -1), n]);
    for (let g = 0; g < batch; g++)
      for (let i = 0; i < m; i++) {
        const row = output.data.subarray((g * m + i) * n, (g * m + i + 1) * n);
        for (let l = 0; l < k; l++) {
          const factor = a.data[(g * m + i) * k + l];
          if (factor === 0) continue;
          const start = g * stepB + l * n;
          for (let j = 0; j < n; j++) row[j] += factor * b.data[start + j];
        }
      }
    return output;
  }

  function gemm([a, b, c], { transA = 0, transB = 0, alpha = 1, beta = 1 }) {
    const [m, k] = transA ? [a.dims[1], a.dims[0]] : a.dims;
    const n = transB ? b.dims[0] : b.dims[1];
    const output = float([m, n]);
    for (let i = 0; i < m; i++)
      for (let j = 0; j < n; j++) {
        let sum = 0;
        if (transB && !transA) {
          const rowA = i * k;
          const rowB = j * k;
          for (let l = 0; l < k; l++) sum += a.data[rowA + l] * b.data[rowB + l];
        } else {
          for (let l = 0; l < k; l++)
            sum += a.data[transA ? l * m + i : i * k + l] * b.data[transB ? j * k + l : l * n + j];
        }
        output.data[i * n + j] = alpha * sum;
      }
    if (c && beta) {
      const offsets = broadcastOffsets(c, output.dims);
      for (let i = 0; i < output.data.length; i++) output.data[i] += beta * c.data[offsets[i]];
    }
    return [output];
  }

  function windowOf(attributes, kernel) {
    return {
      strides: attributes.strides || [1, 1],
      pads: attributes.pads || [0, 0, 0, 0],
      dilations: attributes.dilations || [1, 1],
      group: attributes.group || 1,
      kernel,
    };
  }

  // Adds weight · (a shifted channel) to another channel; `scatter` swaps the roles of the strided and the dense one.
  function addShifted(target, source, weight, window, ky, kx, targetSize, sourceSize, scatter) {
    const [sy, sx] = window.strides;
    const offsetY = ky * window.dilations[0] - window.pads[0];
    const offsetX = kx * window.dilations[1] - window.pads[1];
    const [denseHeight, denseWidth] = scatter ? sourceSize : targetSize;
    const [stridedHeight, stridedWidth] = scatter ? targetSize : sourceSize;
    for (let y = 0; y < denseHeight; y++) {
      const sourceY = y * sy + offsetY;
      if (sourceY < 0 || sourceY >= stridedHeight) continue;
      const first = Math.max(0, Math.ceil(-offsetX / sx));
      const last = Math.min(denseWidth - 1, Math.floor((stridedWidth - 1 - offsetX) / sx));
      let dense = y * denseWidth + first;
      let strided = sourceY * stridedWidth + first * sx + offsetX;
      for (let x = first; x <= last; x++, dense++, strided += sx) {
        if (scatter) target[strided] += weight * source[dense];
        else target[dense] += weight * source[strided];
      }
    }
  }

  function addBias(output, bias) {
    if (!bias) return;
    const [batch, channels, height, width] = output.dims;
    for (let i = 0; i < batch * channels; i++)
      output.data.subarray(i * height * width, (i + 1) * height * width).forEach((value, at, part) => {
        part[at] = value + bias.data[i % channels];
      });
  }

  function conv([x, weight, bias], attributes) {
    const [batch, channels, height, width] = x.dims;
    const [outChannels, inGroup, kernelY, kernelX] = weight.dims;
    const window = windowOf(attributes, [kernelY, kernelX]);
    const extent = (length, axis, kernel) =>
      Math.floor(
        (length + window.pads[axis] + window.pads[axis + 2] - window.dilations[axis] * (kernel - 1) - 1) /
          window.strides[axis],
      ) + 1;
    const outSize = [extent(height, 0, kernelY), extent(width, 1, kernelX)];
    const output = float([batch, outChannels, ...outSize]);
    const outArea = outSize[0] * outSize[1];
    const perGroup = outChannels / window.group;
    for (let n = 0; n < batch; n++)
      for (let m = 0; m < outChannels; m++) {
        const target = output.data.subarray((n * outChannels + m) * outArea, (n * outChannels + m + 1) * outArea);
        for (let c = 0; c < inGroup; c++) {
          const channel = n * channels + Math.floor(m / perGroup) * inGroup + c;
          const source = x.data.subarray(channel * height * width, (channel + 1) * height * width);
          for (let ky = 0; ky < kernelY; ky++)
            for (let kx = 0; kx < kernelX; kx++) {
              const value = weight.data[((m * inGroup + c) * kernelY + ky) * kernelX + kx];
              if (value !== 0) addShifted(target, source, value, window, ky, kx, outSize, [height, width], false);
            }
        }
      }
    addBias(output, bias);
    return [output];
  }

  function convTranspose([x, weight, bias], attributes) {
    const [batch, channels, height, width] = x.dims;
    const [, outGroup, kernelY, kernelX] = weight.dims;
    const window = windowOf(attributes, [kernelY, kernelX]);
    const padding = attributes.output_padding || [0, 0];
    const extent = (length, axis, kernel) =>
      (length - 1) * window.strides[axis] - window.pads[axis] - window.pads[axis + 2] +
      window.dilations[axis] * (kernel - 1) + padding[axis] + 1;
    const outSize = [extent(height, 0, kernelY), extent(width, 1, kernelX)];
    const outChannels = outGroup * window.group;
    const output = float([batch, outChannels, ...outSize]);
    const outArea = outSize[0] * outSize[1];
    const perGroup = channels / window.group;
    for (let n = 0; n < batch; n++)
      for (let c = 0; c < channels; c++) {
        const source = x.data.subarray((n * channels + c) * height * width, (n * channels + c + 1) * height * width);
        for (let m = 0; m < outGroup; m++) {
          const channel = n * outChannels + Math.floor(c / perGroup) * outGroup + m;
          const target = output.data.subarray(channel * outArea, (channel + 1) * outArea);
          for (let ky = 0; ky < kernelY; ky++)
            for (let kx = 0; kx < kernelX; kx++) {
              const value = weight.data[((c * outGroup + m) * kernelY + ky) * kernelX + kx];
              if (value !== 0) addShifted(target, source, value, window, ky, kx, outSize, [height, width], true);
            }
        }
      }
    addBias(output, bias);
    return [output];
  }

  function col2im([x, imageShape, blockShape], attributes) {
    const [height, width] = imageShape.data;
    const [kernelY, kernelX] = blockShape.data;
    const window = windowOf(attributes, [kernelY, kernelX]);
    const [batch, rows, blocks] = x.dims;
    const channels = rows / (kernelY * kernelX);
    const extent = (length, axis, kernel) =>
      Math.floor(
        (length + window.pads[axis] + window.pads[axis + 2] - window.dilations[axis] * (kernel - 1) - 1) /
          window.strides[axis],
      ) + 1;
    const grid = [extent(height, 0, kernelY), extent(width, 1, kernelX)];
    const output = float([batch, channels, height, width]);
    for (let n = 0; n < batch; n++)
      for (let c = 0; c < channels; c++) {
        const target = output.data.subarray((n * channels + c) * height * width, (n * channels + c + 1) * height * width);
        for (let ky = 0; ky < kernelY; ky++)
          for (let kx = 0; kx < kernelX; kx++) {
            const row = (n * channels + c) * kernelY * kernelX + ky * kernelX + kx;
            const source = x.data.subarray(row * blocks, (row + 1) * blocks);
            addShifted(target, source, 1, window, ky, kx, [height, width], grid, true);
          }
      }
    return [output];
  }

  function batchNormalization([x, scale, bias, mean, variance], { epsilon = 1e-5 }) {
    const output = float(x.dims);
    const channels = x.dims[1];
    const area = size(x.dims.slice(2));
    for (let i = 0; i < output.data.length; i++) {
      const c = Math.floor(i / area) % channels;
      output.data[i] =
        ((x.data[i] - mean.data[c]) / Math.sqrt(variance.data[c] + epsilon)) * scale.data[c] + bias.data[c];
    }
    return [output];
  }

  function softmax([x], { axis = -1 }) {
    const { outer, length, inner } = splitAt(x.dims, axis);
    const output = float(x.dims);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        const at = (k) => (o * length + k) * inner + i;
        let largest = -Infinity;
        for (let k = 0; k < length; k++) largest = Math.max(largest, x.data[at(k)]);
        let sum = 0;
        for (let k = 0; k < length; k++) sum += output.data[at(k)] = Math.exp(x.data[at(k)] - largest);
        for (let k = 0; k < length; k++) output.data[at(k)] /= sum;
      }
    return [output];
  }

  function cumSum([x, axis]) {
    const { outer, length, inner } = splitAt(x.dims, axis.data[0]);
    const output = like(x, x.dims);
    for (let o = 0; o < outer; o++)
      for (let i = 0; i < inner; i++) {
        let sum = 0;
        for (let k = 0; k < length; k++) {
          const at = (o * length + k) * inner + i;
          output.data[at] = sum += x.data[at];
        }
      }
    return [output];
  }

  function reduce(combine, finish) {
    return ([x, axesInput], { axes, keepdims = 1 }) => {
      const listed = axesInput ? Array.from(axesInput.data) : axes;
      const reduced = new Set((listed && listed.length ? listed : x.dims.map((_, axis) => axis)).map((axis) => axisOf(axis, x.dims.length)));
      const keptDims = x.dims.map((length, axis) => (reduced.has(axis) ? 1 : length));
      const output = like(x, keptDims);
      const offsets = broadcastOffsets({ dims: keptDims }, x.dims);
      for (let i = 0; i < x.data.length; i++) output.data[offsets[i]] = combine(output.data[offsets[i]], x.data[i]);
      const count = x.data.length / output.data.length;
      for (let i = 0; i < output.data.length; i++) output.data[i] = finish(output.data[i], count);
      const dims = keepdims ? keptDims : x.dims.filter((_, axis) => !reduced.has(axis));
      return [{ dims, data: output.data }];
    };
  }

  function reshape([x, shape], { allowzero = 0 }) {
    const dims = Array.from(shape.data, (length, axis) => (length === 0 && !allowzero ? x.dims[axis] : length));
    const free = dims.indexOf(-1);
    if (free >= 0) dims[free] = x.data.length / -size(dims);
    return [{ dims, data: x.data }];
  }

  function transpose([x], { perm }) {
    const order = perm || x.dims.map((_, axis) => x.dims.length - 1 - axis);
    const dims = order.map((axis) => x.dims[axis]);
    const strides = stridesOf(x.dims);
    const output = like(x, dims);
    const steps = order.map((axis) => strides[axis]);
    const outStrides = stridesOf(dims);
    for (let i = 0; i < output.data.length; i++) {
      let rest = i;
      let offset = 0;
      for (let axis = 0; axis < dims.length; axis++) {
        offset += Math.floor(rest / outStrides[axis]) * steps[axis];
        rest %= outStrides[axis];
      }
      output.data[i] = x.data[offset];
    }
    return [output];
  }

  function concat(inputs, { axis }) {
    const { at } = splitAt(inputs[0].dims, axis);
    const dims = inputs[0].dims.slice();
    dims[at] = inputs.reduce((sum, tensor) => sum + tensor.dims[at], 0);
    const output = like(inputs[0], dims);
    const outer = size(dims.slice(0, at));
    const rowLength = size(dims.slice(at));
    let start = 0;
    for (const tensor of inputs) {
      const length = size(tensor.dims.slice(at));
      for (let o = 0; o < outer; o++)
        output.data.set(tensor.data.subarray(o * length, (o + 1) * length), o * rowLength + start);
      start += length;
    }
    return [output];
  }

  function split([x, lengths], { axis = 0, num_outputs: numOutputs }, count) {
    const { outer, length, inner, at } = splitAt(x.dims, axis);
    const part = Math.ceil(length / (numOutputs || count));
    const parts = lengths ? Array.from(lengths.data) : Array.from({ length: numOutputs || count }, (_, i) => Math.min(part, length - i * part));
    let start = 0;
    return parts.map((partLength) => {
      const dims = x.dims.slice();
      dims[at] = partLength;
      const output = like(x, dims);
      for (let o = 0; o < outer; o++)
        output.data.set(x.data.subarray((o * length + start) * inner, (o * length + start + partLength) * inner), o * partLength * inner);
      start += partLength;
      return output;
    });
  }

  function slice([x, starts, ends, axes, steps]) {
    const rank = x.dims.length;
    const ranges = x.dims.map((length) => ({ start: 0, step: 1, count: length }));
    starts.data.forEach((first, i) => {
      const axis = axisOf(axes ? axes.data[i] : i, rank);
      const length = x.dims[axis];
      const step = steps ? steps.data[i] : 1;
      const clamp = (value, low, high) => Math.min(Math.max(value < 0 ? value + length : value, low), high);
      const start = step > 0 ? clamp(first, 0, length) : clamp(first, 0, length - 1);
      const end = step > 0 ? clamp(ends.data[i], 0, length) : clamp(ends.data[i], -1, length - 1);
      ranges[axis] = { start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
    });
    const output = like(x, ranges.map((range) => range.count));
    const strides = stridesOf(x.dims);
    const outStrides = stridesOf(output.dims);
    for (let i = 0; i < output.data.length; i++) {
      let rest = i;
      let offset = 0;
      for (let axis = 0; axis < rank; axis++) {
        const position = Math.floor(rest / outStrides[axis]);
        rest %= outStrides[axis];
        offset += (ranges[axis].start + position * ranges[axis].step) * strides[axis];
      }
      output.data[i] = x.data[offset];
    }
    return [output];
  }

  function gather([x, indices], { axis = 0 }) {
    const { outer, length, inner, at } = splitAt(x.dims, axis);
    const output = like(x, [...x.dims.slice(0, at), ...indices.dims, ...x.dims.slice(at + 1)]);
    const count = indices.data.length;
    for (let o = 0; o < outer; o++)
      for (let k = 0; k < count; k++) {
        const from = (o * length + axisOf(indices.data[k], length)) * inner;
        const to = (o * count + k) * inner;
        for (let i = 0; i < inner; i++) output.data[to + i] = x.data[from + i];
      }
    return [output];
  }

  function gatherElements([x, indices], { axis = 0 }) {
    const { at } = splitAt(x.dims, axis);
    const strides = stridesOf(x.dims);
    const outStrides = stridesOf(indices.dims);
    const output = like(x, indices.dims);
    for (let i = 0; i < output.data.length; i++) {
      let rest = i;
      let offset = 0;
      for (let a = 0; a < indices.dims.length; a++) {
        const position = Math.floor(rest / outStrides[a]);
        rest %= outStrides[a];
        offset += (a === at ? axisOf(indices.data[i], x.dims[a]) : position) * strides[a];
      }
      output.data[i] = x.data[offset];
    }
    return [output];
  }

  function pad([x, pads, value, axesInput]) {
    const rank = x.dims.length;
    const axes = axesInput ? Array.from(axesInput.data, (axis) => axisOf(axis, rank)) : x.dims.map((_, axis) => axis);
    const before = new Array(rank).fill(0);
    const dims = x.dims.slice();
    axes.forEach((axis, i) => {
      before[axis] = pads.data[i];
      dims[axis] += pads.data[i] + pads.data[i + axes.length];
    });
    const output = like(x, dims);
    if (value) output.data.fill(value.data[0]);
    const strides = stridesOf(x.dims);
    const outStrides = stridesOf(dims);
    for (let i = 0; i < x.data.length; i++) {
      let rest = i;
      let offset = 0;
      let inside = true;
      for (let axis = 0; axis < rank; axis++) {
        const position = Math.floor(rest / strides[axis]) + before[axis];
        rest %= strides[axis];
        inside = inside && position >= 0 && position < dims[axis];
        offset += position * outStrides[axis];
      }
      if (inside) output.data[offset] = x.data[i];
    }
    return [output];
  }

  function expand([x, shape]) {
    const dims = broadcastDims([x, { dims: Array.from(shape.data) }]);
    const offsets = broadcastOffsets(x, dims);
    const output = like(x, dims);
    for (let i = 0; i < output.data.length; i++) output.data[i] = x.data[offsets[i]];
    return [output];
  }

  function cast([x], { to }) {
    const isFloat = to === 1 || to === 10 || to === 11;
    const output = isFloat ? float(x.dims) : integer(x.dims);
    const convert = isFloat ? (value) => value : to === 9 ? (value) => (value !== 0 ? 1 : 0) : Math.trunc;
    for (let i = 0; i < output.data.length; i++) output.data[i] = convert(x.data[i]);
    return [output];
  }

  function clip([x, low, high]) {
    const output = like(x, x.dims);
    const [lowest, highest] = [low ? low.data[0] : -Infinity, high ? high.data[0] : Infinity];
    for (let i = 0; i < output.data.length; i++) output.data[i] = Math.min(Math.max(x.data[i], lowest), highest);
    return [output];
  }

  function squeeze([x, axes]) {
    const removed = axes ? Array.from(axes.data, (axis) => axisOf(axis, x.dims.length)) : null;
    return [{ dims: x.dims.filter((length, axis) => (removed ? !removed.includes(axis) : length !== 1)), data: x.data }];
  }

  function unsqueeze([x, axes]) {
    const rank = x.dims.length + axes.data.length;
    const added = Array.from(axes.data, (axis) => axisOf(axis, rank));
    const dims = x.dims.slice();
    added.sort((a, b) => a - b).forEach((axis) => dims.splice(axis, 0, 1));
    return [{ dims, data: x.data }];
  }

  const OPERATORS = {
    Abs: map(Math.abs), Add: arithmetic((a, b) => a + b), And: comparison((a, b) => a && b),
    BatchNormalization: batchNormalization, Cast: cast, Clip: clip, Col2Im: col2im, Concat: concat,
    ConstantOfShape: ([shape], { value }) => {
      const output = value && value.data instanceof Int32Array ? integer(Array.from(shape.data)) : float(Array.from(shape.data));
      return [value ? { dims: output.dims, data: output.data.fill(value.data[0]) } : output];
    },
    Conv: conv, ConvTranspose: convTranspose, CumSum: cumSum, Div: arithmetic((a, b) => a / b),
    Equal: comparison((a, b) => a === b), Erf: map(erf), Exp: map(Math.exp), Expand: expand,
    Flatten: ([x], { axis = 1 }) => [{ dims: [size(x.dims.slice(0, axis)), size(x.dims.slice(axis))], data: x.data }],
    Floor: map(Math.floor), Gather: gather, GatherElements: gatherElements, Gemm: gemm,
    Greater: comparison((a, b) => a > b), GreaterOrEqual: comparison((a, b) => a >= b), Identity: ([x]) => [x],
    LeakyRelu: ([x], { alpha = 0.01 }) => map((value) => (value >= 0 ? value : alpha * value))([x]),
    Less: comparison((a, b) => a < b), LessOrEqual: comparison((a, b) => a <= b), Log: map(Math.log),
    MatMul: ([a, b]) => [matmul(a, b)], Max: arithmetic(Math.max), Min: arithmetic(Math.min),
    Mul: arithmetic((a, b) => a * b), Neg: map((x) => -x), Not: map((x) => (x ? 0 : 1)),
    Or: comparison((a, b) => a || b), Pad: pad, Pow: arithmetic(Math.pow),
    ReduceMean: reduce((sum, x) => sum + x, (sum, count) => sum / count), ReduceSum: reduce((sum, x) => sum + x, (sum) => sum),
    Relu: map((x) => (x > 0 ? x : 0)), Reshape: reshape, Round: map(roundHalfToEven),
    Shape: ([x]) => [{ dims: [x.dims.length], data: Int32Array.from(x.dims) }],
    Sigmoid: map(sigmoid), Slice: slice, Softmax: softmax, Softplus: map(softplus), Split: split, Sqrt: map(Math.sqrt),
    Squeeze: squeeze, Sub: arithmetic((a, b) => a - b), Tanh: map(Math.tanh), Transpose: transpose,
    Unsqueeze: unsqueeze, Where: elementwise((inputs, dims) => like(inputs[1], dims), (a, b, c) => (a ? b : c)),
  };

  // IEEE 754 half precision to a number.
  function fromHalf(bits) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024);
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * 2 ** (exponent - 15) * (1 + fraction / 1024);
  }

  function readTensor(spec, bytes) {
    const { dims, type, offset } = spec;
    const count = size(dims);
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset);
    if (type === "i32") return { dims, data: Int32Array.from({ length: count }, (_, i) => view.getInt32(4 * i, true)) };
    if (type === "f32") return { dims, data: Float32Array.from({ length: count }, (_, i) => view.getFloat32(4 * i, true)) };
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) data[i] = fromHalf(view.getUint16(2 * i, true));
    return { dims, data };
  }

  class Graph {
    // graph: {input, output, nodes, tensors} as genexplorer/share/graph.py writes it; bytes: the weights.
    constructor(graph, bytes) {
      this.input = graph.input;
      this.output = graph.output;
      const known = new Map();
      for (const [name, spec] of Object.entries(graph.tensors)) known.set(name, readTensor(spec, bytes));
      for (const node of graph.nodes) if (node.attributes.value) node.attributes.value = readTensor(node.attributes.value, bytes);
      // What does not depend on the input is computed once.
      this.nodes = [];
      for (const node of graph.nodes) {
        if (node.inputs.every((name) => name === "" || known.has(name))) Graph.compute(node, known);
        else this.nodes.push(node);
      }
      this.constants = known;
      // The values that no later node reads are dropped.
      this.lastUse = new Map();
      this.nodes.forEach((node, index) => node.inputs.forEach((name) => this.lastUse.set(name, index)));
    }

    static compute(node, values) {
      const inputs = node.inputs.map((name) => (name === "" ? undefined : values.get(name)));
      const outputs = OPERATORS[node.op](inputs, node.attributes, node.outputs.length);
      node.outputs.forEach((name, index) => values.set(name, outputs[index]));
    }

    // Returns the output for a batch: z is a Float32Array of count rows.
    run(z, count) {
      const values = new Map(this.constants);
      values.set(this.input, { dims: [count, z.length / count], data: z });
      this.nodes.forEach((node, index) => {
        Graph.compute(node, values);
        for (const name of node.inputs)
          if (this.lastUse.get(name) === index && !this.constants.has(name) && name !== this.output) values.delete(name);
      });
      return values.get(this.output);
    }
  }

  return { Graph, operators: Object.keys(OPERATORS) };
})();
