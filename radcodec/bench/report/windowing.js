// Level and width: their controls, and the windows that have a name.

const CT_WINDOWS = [
  ["Lung −600/1500", -600, 1500],
  ["Soft tissue 40/400", 40, 400],
  ["Bone 400/1800", 400, 1800],
  ["Brain 40/80", 40, 80],
];

// Smallest and largest displayed value of the original; never the same twice.
function displayRange({ range, slope, intercept }) {
  const [low, high] = range.map((stored) => stored * slope + intercept).sort((a, b) => a - b);
  return [low, high > low ? high : low + (Math.abs(slope) || 1)];
}

function namedWindows(image) {
  const [low, high] = displayRange(image);
  return [
    ...(image.ownWindow ? [["File’s own", image.center, image.width]] : []),
    ["Full range", (low + high) / 2, high - low],
    ...(image.unit === "HU" ? CT_WINDOWS : []),
  ];
}

// Limits of the sliders, and a button a named window; `apply` takes (center, width).
function prepareWindows(image, apply) {
  const [low, high] = displayRange(image);
  const named = namedWindows(image);
  const step = Math.abs(image.slope) >= 1 ? 1 : (high - low) / 1000;
  const centers = [image.center, ...named.map(([, center]) => center)];
  const widths = [image.width, ...named.map(([, , width]) => width)];
  const limits = {
    level: [Math.min(low, ...centers), Math.max(high, ...centers)],
    width: [step, Math.max(2 * (high - low), ...widths)],
  };
  for (const [id, [min, max]] of Object.entries(limits)) Object.assign($(id), { min, max, step });
  $("presets").replaceChildren(...named.map(([name, center, width]) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: name });
    button.addEventListener("click", () => apply(center, width));
    return button;
  }));
  $("window-unit").textContent = unitText(image);
}

function showWindow(image, center, width) {
  for (const [id, value] of [["level", center], ["width", width]]) {
    const rounded = Number(value.toPrecision(8));
    $(id).value = value;
    $(id).setAttribute("aria-valuetext", `${minus(rounded)} ${image.unit}`);
    $(`${id}-number`).value = rounded;
  }
}
