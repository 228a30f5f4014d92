// Numbers and sentences of the viewer.

const number = (value, digits = 0) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const minus = (text) => String(text).replace("-", "−");
const signed = (value) => (value > 0 ? "+" : value < 0 ? "−" : "±") + number(Math.abs(value));

// A file's figures; with radcodec's rendition beside it, how their sizes differ.
function figuresOf(rendition, own) {
  const size = `${number(rendition.bytes)} bytes`;
  const quality = rendition.psnr === null ? "exact" : `PSNR ${rendition.psnr.toFixed(2)} dB`;
  const text = `${size} · ratio ${number(rendition.ratio, 1)} · ${quality}`;
  if (!own) return text;
  const more = rendition.bytes / own.bytes - 1;
  const share = Math.abs(100 * more).toFixed(1);
  const beside = share === "0.0" ? "as large as radcodec’s"
    : `${share} % ${more > 0 ? "larger" : "smaller"} than radcodec’s`;
  return `${text} · ${Math.abs(more) > 0.05 ? "NOT THE SAME SIZE: " : ""}${beside}`;
}

// The figures also stand in data attributes, as they are in results.json.
function caption(pane, title, facts, rendition) {
  pane.title.textContent = title;
  pane.facts.textContent = facts;
  const { dataset } = pane.figure;
  for (const key of ["codec", "bytes", "ratio", "psnr"]) delete dataset[key];
  if (rendition) {
    const { codec, bytes, ratio, psnr } = rendition;
    Object.assign(dataset, { codec, bytes, ratio, psnr: String(psnr) });
  }
}

// A stored value in displayed units, with the stored one where they are not the same.
function valueText(image, stored) {
  const { slope, intercept, unit } = image;
  if (slope === 1 && intercept === 0) return minus(stored);
  const shown = Number((stored * slope + intercept).toPrecision(6));
  return `${minus(shown)}${unit ? ` ${unit}` : ""} (stored ${minus(stored)})`;
}

function unitText({ slope, intercept, unit }) {
  if (unit) return `in ${unit}`;
  return slope === 1 && intercept === 0 ? "in stored values" : "in rescaled values";
}

function showScale(figure, image, scale, coloured) {
  const end = number(scale, scale < 10 ? 2 : scale < 100 ? 1 : 0);
  const rescaled = Math.abs(scale * image.slope);
  const units = image.slope === 1 ? "" : ` (${number(rescaled, 2)} ${image.unit || "rescaled"})`;
  figure.querySelector(".low").textContent = `−${end}`;
  figure.querySelector(".high").textContent = `+${end} stored${units}`;
  figure.querySelector(".bar").classList.toggle("coloured", coloured);
}

// Where the shown crop lies in the whole image.
function showPlace({ shape, whole, at }, text, map) {
  const [rows, columns] = shape;
  const crop = rows !== whole[0] || columns !== whole[1];
  const size = `${whole[1]} × ${whole[0]} pixels`;
  text.textContent = crop
    ? `A crop is shown: columns ${at[1]} to ${at[1] + columns - 1}, `
      + `rows ${at[0]} to ${at[0] + rows - 1} of ${size}. `
      + "Bytes, ratio and PSNR are of the whole image."
    : `The whole image is shown, ${size}.`;
  map.style.aspectRatio = `${whole[1]} / ${whole[0]}`;
  const box = map.firstElementChild.style;
  box.left = `${(100 * at[1]) / whole[1]}%`;
  box.top = `${(100 * at[0]) / whole[0]}%`;
  box.width = `${(100 * columns) / whole[1]}%`;
  box.height = `${(100 * rows) / whole[0]}%`;
}
