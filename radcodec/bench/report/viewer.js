// The side-by-side viewer: loads what is chosen, paints it, and obeys the controls.

const GAINS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
const root = $("viewer");

function findPanes() {
  return Object.fromEntries([...root.querySelectorAll(".pane")].map((figure) => [
    figure.dataset.pane,
    {
      figure,
      canvas: figure.querySelector("canvas"),
      title: figure.querySelector("figcaption strong"),
      facts: figure.querySelector(".facts"),
      cross: figure.querySelector(".cross"),
      blank: figure.querySelector(".blank"),
      source: null, // the whole picture at one canvas pixel a pixel
      painted: "", // what `source` shows, so that panning paints nothing anew
    },
  ]));
}

function startViewer(data) {
  const choice = new Choice(data);
  const view = new View();
  const panes = findPanes();
  const first = panes.original.canvas;
  const now = { values: {}, center: 0, width: 1, cursor: null, flickered: false, timer: 0 };
  let tickets = 0;

  // ---- loading

  async function load() {
    const ticket = ++tickets;
    const { image } = choice;
    // Old pixels must not be drawn under the new names.
    now.values = {};
    root.dataset.busy = "true";
    try {
      const [own, peer] = ["own", "peer"].map((side) => choice.made(side));
      const [before, ...after] = await Promise.all([
        originalOf(image), own && restoredOf(image, own), peer && restoredOf(image, peer),
      ]);
      if (ticket !== tickets) return;
      now.values = { original: before, own: after[0], peer: after[1] };
      for (const pane of Object.values(panes)) pane.painted = "";
      refresh();
      root.dataset.busy = "false";
    } catch (error) {
      if (ticket === tickets) tell(`The pixels cannot be shown: ${error.message}.`);
    }
  }

  function chooseImage() {
    now.cursor = null;
    now.values = {};
    choice.fillTargets();
    view.fitted = true;
    prepareWindows(choice.image, setWindow);
    setWindow(choice.image.center, choice.image.width);
    load();
  }

  function setWindow(center, width) {
    now.center = Number(center);
    now.width = Math.max(Number(width), Math.abs(choice.image.slope) || 1e-6);
    showWindow(choice.image, now.center, now.width);
    refresh();
  }

  // ---- drawing

  const coloured = () => $("pick-colours").value === "colour";
  const gain = () => GAINS[Number($("gain").value)];
  const scale = () => Math.max(choice.image.range[1] - choice.image.range[0], 1) / gain();

  function paint(key, values, how) {
    const pane = panes[key];
    if (pane.painted === how) return;
    pane.painted = how;
    pane.source = values ? bitmap(choice.image) : null;
    if (!values) return;
    if (key === "difference") {
      paintDifference(pane.source, values, now.values.original, scale(), coloured());
    } else {
      paintWindow(pane.source, values, choice.image, now.center, now.width);
    }
  }

  function refresh() {
    const { values } = now;
    if (!values.original) return;
    const flickerSide = $("pick-flicker").value;
    const shown = now.flickered && values[flickerSide] ? flickerSide : "original";
    const difference = $("pick-difference").value;
    const window = `${now.center}/${now.width}`;
    paint("original", values[shown], `${shown}/${window}`);
    paint("own", values.own, window);
    paint("peer", values.peer, window);
    paint("difference", values[difference], `${difference}/${scale()}/${coloured()}`);
    label(shown, difference);
    redraw();
  }

  function redraw() {
    if (!now.values.original) return;
    const [rows, columns] = choice.image.shape;
    if (view.fitted) view.fit(first, rows, columns);
    view.hold(rows, columns);
    for (const pane of Object.values(panes)) view.draw(pane.canvas, pane.source);
    const [left, top] = view.origin(first);
    Object.assign(root.dataset, { zoom: view.zoom, left, top });
    $("zoom").textContent = `${Number((100 * view.zoom).toPrecision(3))} %`;
    readPixel();
  }

  // ---- words

  function label(shown, difference) {
    const [own, peer, chosen] = ["own", "peer", difference].map((side) => choice.made(side));
    const { range } = choice.image;
    const peerName = peer ? peer.codecName : "Other codec";
    if (shown === "original") {
      const facts = `stored values ${minus(range[0])} to ${minus(range[1])}`;
      caption(panes.original, "Original", facts, null);
    } else {
      const made = choice.made(shown);
      caption(panes.original, `${made.codecName}, in place of the original`, figuresOf(made), made);
    }
    caption(panes.own, "radcodec", own ? figuresOf(own) : "", own);
    caption(panes.peer, peerName, peer ? figuresOf(peer, own) : "", peer);
    const values = now.values[difference];
    const most = values ? number(largestDifference(values, now.values.original)) : "";
    caption(panes.difference, `Difference: ${chosen ? chosen.codecName : "–"} minus original`,
      values ? `largest in these pixels: ${most} stored` : "", chosen);
    for (const [key, { blank, source }] of Object.entries(panes)) {
      blank.hidden = source !== null;
      blank.textContent = `${key === "own" ? "radcodec" : "No other codec"} was ${
        key === "own" ? "not " : ""}measured at this target.`;
    }
    showScale(panes.difference.figure, choice.image, scale(), coloured());
    $("name").textContent = choice.image.name;
    showPlace(choice.image, $("where"), $("map"));
    root.querySelector("[data-read=peer-name]").textContent = peerName;
    $("gain-value").textContent = `× ${number(gain())}`;
    $("gain").setAttribute("aria-valuetext", `times ${gain()}`);
    $("rate-value").textContent = $("rate").value;
    $("flicker").setAttribute("aria-pressed", String(now.flickered));
    $("timer").setAttribute("aria-pressed", String(Boolean(now.timer)));
  }

  function readPixel() {
    const { image } = choice;
    const [rows, columns] = image.shape;
    const [x, y] = now.cursor || [-1, -1];
    const inside = now.values.original && x >= 0 && y >= 0 && x < columns && y < rows;
    const texts = { place: "–", original: "–", own: "–", peer: "–" };
    if (inside) {
      const index = y * columns + x;
      const original = now.values.original[index];
      texts.place = `column ${image.at[1] + x}, row ${image.at[0] + y}`;
      texts.original = valueText(image, original);
      for (const side of ["own", "peer"]) {
        const value = now.values[side]?.[index];
        if (value === undefined) continue;
        texts[side] = `${valueText(image, value)}, ${signed(value - original)}`;
      }
    }
    for (const [key, text] of Object.entries(texts)) {
      root.querySelector(`[data-read=${key}]`).textContent = text;
    }
    for (const { cross, canvas } of Object.values(panes)) {
      const [left, top] = view.origin(canvas);
      const css = canvas.clientWidth / canvas.width;
      cross.hidden = !inside;
      cross.style.left = `${(left + (x + 0.5) * view.zoom) * css}px`;
      cross.style.top = `${(top + (y + 0.5) * view.zoom) * css}px`;
    }
  }

  // ---- actions

  const redrawn = (change) => () => { change(); redraw(); };
  const pan = (dx, dy) => redrawn(() => view.move(dx * first.width, dy * first.height));
  const nudge = (level, width) => () =>
    setWindow(now.center + (level * now.width) / 20, now.width * 1.1 ** width);
  const turn = (direction) => () => { choice.turn(direction); chooseImage(); };
  const changeGain = (by) => () => {
    $("gain").value = String(Number($("gain").value) + by);
    refresh();
  };

  function flicker() {
    now.flickered = !now.flickered;
    refresh();
  }

  function setTimer(on) {
    clearInterval(now.timer);
    now.timer = on ? setInterval(flicker, 1000 / Number($("rate").value)) : 0;
    if (!on) now.flickered = false;
    refresh();
  }

  function nextPixel(dx, dy) {
    const [rows, columns] = choice.image.shape;
    const [x, y] = now.cursor || [Math.floor(view.x) - dx, Math.floor(view.y) - dy];
    const within = (value, size) => Math.max(0, Math.min(size - 1, value));
    now.cursor = [within(x + dx, columns), within(y + dy, rows)];
    // Pixels that are asked for by key are worth reading out; those under a mouse are too many.
    $("readout").setAttribute("aria-live", "polite");
    readPixel();
  }

  const actions = {
    "zoom-in": redrawn(() => view.step(1, first)),
    "zoom-out": redrawn(() => view.step(-1, first)),
    fit: redrawn(() => { view.fitted = true; }),
    one: redrawn(() => view.zoomTo(1, first, first.width / 2, first.height / 2)),
    left: pan(-0.1, 0),
    right: pan(0.1, 0),
    up: pan(0, -0.1),
    down: pan(0, 0.1),
    flicker,
    timer: () => setTimer(!now.timer),
  };
  const keys = {
    ArrowLeft: actions.left, ArrowRight: actions.right,
    ArrowUp: actions.up, ArrowDown: actions.down,
    "+": actions["zoom-in"], "=": actions["zoom-in"], "-": actions["zoom-out"],
    0: actions.fit, 1: actions.one, f: flicker, t: actions.timer,
    w: nudge(1, 0), s: nudge(-1, 0), d: nudge(0, 1), a: nudge(0, -1),
    r: () => setWindow(choice.image.center, choice.image.width),
    g: changeGain(1), h: changeGain(-1), n: turn(1), p: turn(-1),
  };
  const arrows = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  };
  const does = {
    key(key, shift) {
      const action = shift && arrows[key] ? () => nextPixel(...arrows[key]) : keys[key];
      if (!action) return false;
      if (now.values.original) action();
      return true;
    },
    zoom: (direction, left, top) => redrawn(() => view.step(direction, first, left, top))(),
    pan: (dx, dy) => redrawn(() => view.move(-dx, -dy))(),
    window: (dx, dy) => setWindow(now.center - (dy * now.width) / 300, now.width * 1.005 ** dx),
    hover(left, top) {
      $("readout").setAttribute("aria-live", "off");
      now.cursor = view.pixel(first, left, top);
      readPixel();
    },
    leave() {
      now.cursor = null;
      readPixel();
    },
  };

  // One canvas pixel for one of the screen, or nothing would be sharp.
  function resize() {
    const density = globalThis.devicePixelRatio || 1;
    for (const { canvas } of Object.values(panes)) {
      canvas.width = Math.max(1, Math.round(canvas.clientWidth * density));
      canvas.height = Math.max(1, Math.round(canvas.clientHeight * density));
    }
    redraw();
  }

  const on = (id, kind, action) => $(id).addEventListener(kind, action);
  for (const { canvas } of Object.values(panes)) listenTo(canvas, does);
  for (const button of root.querySelectorAll("[data-do]")) {
    button.addEventListener("click", () => now.values.original && actions[button.dataset.do]());
  }
  on("pick-image", "change", chooseImage);
  on("pick-target", "change", () => { choice.fillPeers(); load(); });
  on("pick-peer", "change", () => { choice.fillSides(); load(); });
  for (const id of ["pick-difference", "pick-colours", "pick-flicker", "gain"]) {
    on(id, "input", refresh);
  }
  on("rate", "input", () => (now.timer ? setTimer(true) : refresh()));
  // A typed number counts once it is complete: half of "-600" is no level.
  for (const [suffix, kind] of [["", "input"], ["-number", "change"]]) {
    on(`level${suffix}`, kind, (event) => setWindow(event.target.value, now.width));
    on(`width${suffix}`, kind, (event) => setWindow(now.center, event.target.value));
  }
  $("gain").value = String(GAINS.indexOf(50));
  $("bench").hidden = false;
  new ResizeObserver(resize).observe($("panes"));
  resize();
  chooseImage();
}

function tell(text) {
  $("viewer-message").textContent = text;
  $("viewer-message").hidden = false;
  root.dataset.busy = "failed";
}

if ($("viewer-data")) {
  if (typeof DecompressionStream === "function") {
    startViewer(JSON.parse($("viewer-data").textContent));
  } else {
    tell("This browser cannot decompress the pixels of this page: it lacks DecompressionStream. "
      + "Chrome and Edge have it from version 80, Firefox from 113, Safari from 16.4.");
  }
}
