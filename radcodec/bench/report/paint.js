// From stored values to what a canvas shows.

// Both endiannesses agree on opaque greys but for the place of alpha.
const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function packed(red, green, blue) {
  return LITTLE
    ? ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0
    : ((red << 24) | (green << 16) | (blue << 8) | 255) >>> 0;
}

function bitmap(image) {
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = image.shape;
  return canvas;
}

function fill(canvas, colourOf, values) {
  const context = canvas.getContext("2d");
  const data = context.createImageData(canvas.width, canvas.height);
  const out = new Uint32Array(data.data.buffer);
  for (let i = 0; i < out.length; i++) out[i] = colourOf(values, i);
  context.putImageData(data, 0, 0);
}

// Grey = 255 (x - (center - width / 2)) / width, rounded, in displayed units.
function paintWindow(canvas, values, image, center, width) {
  const low = center - width / 2;
  const { slope, intercept, inverted } = image;
  fill(canvas, (array, i) => {
    const share = (255 * (array[i] * slope + intercept - low)) / width;
    const grey = share <= 0 ? 0 : share >= 255 ? 255 : Math.floor(share + 0.5);
    const shown = inverted ? 255 - grey : grey;
    return packed(shown, shown, shown);
  }, values);
}

// Mid-grey (or white) is no error; brighter (or redder) is a larger restored stored value.
function paintDifference(canvas, values, original, scale, coloured) {
  fill(canvas, (array, i) => {
    const share = Math.max(-1, Math.min(1, (array[i] - original[i]) / scale));
    if (!coloured) {
      const grey = Math.floor(127.5 * share + 128);
      return packed(grey, grey, grey);
    }
    const rest = Math.floor(255 * (1 - Math.abs(share)) + 0.5);
    return share < 0 ? packed(rest, rest, 255) : share > 0 ? packed(255, rest, rest)
      : packed(255, 255, 255);
  }, values);
}

function largestDifference(values, original) {
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    const error = Math.abs(values[i] - original[i]);
    if (error > most) most = error;
  }
  return most;
}
