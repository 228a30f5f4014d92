// Mouse, wheel, touch and keys on a pane, as calls of `does`. Places are device pixels.

function listenTo(canvas, does) {
  const place = (event) => {
    const factor = canvas.width / canvas.clientWidth;
    return [event.offsetX * factor, event.offsetY * factor];
  };
  let grip = null;
  let turned = 0;
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (does.key(key, event.shiftKey)) event.preventDefault();
  });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    // A trackpad sends many small steps where a wheel sends one large.
    turned += event.deltaY * (event.deltaMode === 1 ? 33 : 1);
    if (Math.abs(turned) < 40) return;
    does.zoom(-Math.sign(turned), ...place(event));
    turned = 0;
  }, { passive: false });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("pointerdown", (event) => {
    grip = { at: place(event), window: event.button === 2 };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = place(event);
    if (grip) {
      const [dx, dy] = [at[0] - grip.at[0], at[1] - grip.at[1]];
      grip.at = at;
      if (grip.window) does.window(dx, dy);
      else does.pan(dx, dy);
    }
    does.hover(...at);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => { grip = null; });
  }
  canvas.addEventListener("pointerleave", () => does.leave());
}
