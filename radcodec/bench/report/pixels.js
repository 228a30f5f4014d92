// Decoding of pixels.py's planes. Everything wraps at 32 bits, as it does there.

const MOST_DECODED = 40;
const decoded = new Map();

async function inflate(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function decodePlane(about, rows, columns, reference) {
  const data = await inflate(document.getElementById(about.id).textContent);
  const size = rows * columns;
  if (data.length !== size * about.planes) throw new Error(`${about.id} is damaged`);
  const out = new Int32Array(size);
  for (let plane = 0; plane < about.planes; plane++) {
    const from = plane * size;
    for (let i = 0; i < size; i++) out[i] |= data[from + i] << (8 * plane);
  }
  for (let i = 0; i < size; i++) out[i] = (out[i] >>> 1) ^ -(out[i] & 1);
  if (about.delta) {
    for (let row = 1; row < rows; row++) out[row * columns] += out[(row - 1) * columns];
    for (let row = 0; row < rows; row++) {
      const start = row * columns;
      for (let i = start + 1; i < start + columns; i++) out[i] += out[i - 1];
    }
  }
  if (about.residual) for (let i = 0; i < size; i++) out[i] += reference[i];
  return out;
}

// Decoded arrays are kept, the least recently used going first: a page may hold hundreds.
function remembered(id, make) {
  const found = decoded.get(id) || make();
  decoded.delete(id);
  decoded.set(id, found);
  if (decoded.size > MOST_DECODED) decoded.delete(decoded.keys().next().value);
  return found;
}

function originalOf(image) {
  return remembered(image.pixels.id, () => decodePlane(image.pixels, ...image.shape, null));
}

function restoredOf(image, rendition) {
  return remembered(rendition.id, async () =>
    decodePlane(rendition, ...image.shape, await originalOf(image)));
}
