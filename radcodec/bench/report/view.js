// Zoom and position, one for all panes. Lengths are device pixels unless they say CSS.

const ZOOMS = [
  1 / 16, 1 / 8, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64,
];

class View {
  constructor() {
    this.zoom = 1;
    this.x = 0; // image position in the middle of the panes, in pixels of the crop
    this.y = 0;
    this.fitted = true;
  }

  // Whole zooms where the image is smaller than the pane, so that its pixels stay squares.
  fit(canvas, rows, columns) {
    const ideal = Math.min(canvas.width / columns, canvas.height / rows);
    this.zoom = ideal >= 1 ? Math.floor(ideal) : Math.max(ideal, 1 / 64);
    this.x = columns / 2;
    this.y = rows / 2;
    this.fitted = true;
  }

  origin(canvas) {
    return [
      Math.round(canvas.width / 2 - this.x * this.zoom),
      Math.round(canvas.height / 2 - this.y * this.zoom),
    ];
  }

  // Position in the image of a point of the canvas, which may lie outside the image.
  pixel(canvas, left, top) {
    const [x0, y0] = this.origin(canvas);
    return [Math.floor((left - x0) / this.zoom), Math.floor((top - y0) / this.zoom)];
  }

  // The image position under (left, top) stays there.
  zoomTo(zoom, canvas, left, top) {
    const fx = left - canvas.width / 2;
    const fy = top - canvas.height / 2;
    this.x += fx / this.zoom - fx / zoom;
    this.y += fy / this.zoom - fy / zoom;
    this.zoom = zoom;
    this.fitted = false;
  }

  step(direction, canvas, left = canvas.width / 2, top = canvas.height / 2) {
    const next = direction > 0
      ? ZOOMS.find((zoom) => zoom > this.zoom * 1.001)
      : ZOOMS.findLast((zoom) => zoom < this.zoom * 0.999);
    if (next) this.zoomTo(next, canvas, left, top);
  }

  move(dx, dy) {
    this.x += dx / this.zoom;
    this.y += dy / this.zoom;
    this.fitted = false;
  }

  // The middle of the panes stays on the image, so that it cannot be lost.
  hold(rows, columns) {
    this.x = Math.max(0, Math.min(columns, this.x));
    this.y = Math.max(0, Math.min(rows, this.y));
  }

  draw(canvas, source) {
    const context = canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (!source) return;
    const [x0, y0] = this.origin(canvas);
    // Only what is seen: a destination of 64 times the image is too large for some browsers.
    const left = Math.max(0, Math.floor(-x0 / this.zoom));
    const top = Math.max(0, Math.floor(-y0 / this.zoom));
    const right = Math.min(source.width, Math.ceil((canvas.width - x0) / this.zoom));
    const bottom = Math.min(source.height, Math.ceil((canvas.height - y0) / this.zoom));
    if (right <= left || bottom <= top) return;
    context.imageSmoothingEnabled = this.zoom < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(
      source, left, top, right - left, bottom - top,
      x0 + left * this.zoom, y0 + top * this.zoom,
      (right - left) * this.zoom, (bottom - top) * this.zoom,
    );
  }
}
