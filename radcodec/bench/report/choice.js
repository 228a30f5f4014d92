// What is looked at: image, target and peer, as the selects say.

const $ = (id) => document.getElementById(id);

function fillSelect(select, entries, wanted) {
  select.replaceChildren(...entries.map(([value, text, off]) => {
    const option = new Option(text, value);
    option.disabled = Boolean(off);
    return option;
  }));
  const usable = entries.filter(([, , off]) => !off).map(([value]) => value);
  select.value = usable.includes(wanted) ? wanted : usable[0] ?? entries[0]?.[0] ?? "";
}

class Choice {
  constructor(data) {
    this.data = data;
    $("pick-image").replaceChildren(...data.images.map(({ name, modalityName }, index) =>
      new Option(`${modalityName}: ${name}`, String(index))));
  }

  get image() {
    return this.data.images[Number($("pick-image").value)];
  }

  find(codec) {
    const target = $("pick-target").value;
    return this.image.renditions.find((r) => r.codec === codec && r.target === target) || null;
  }

  // The rendition of a side, "own" or "peer"; null where the codec has none at the target.
  made(side) {
    return this.find(side === "own" ? this.data.own : $("pick-peer").value);
  }

  turn(direction) {
    const count = this.data.images.length;
    $("pick-image").value = String((Number($("pick-image").value) + direction + count) % count);
  }

  // Each select offers what the ones before it leave, and keeps its choice where it can.
  fillTargets() {
    const here = [...new Set(this.image.renditions.map((each) => each.target))];
    const known = this.data.targets.filter((target) => here.includes(target));
    const targets = [...known, ...here.filter((target) => !known.includes(target))];
    fillSelect($("pick-target"), targets.map((each) => [each, each]), $("pick-target").value);
    this.fillPeers();
  }

  fillPeers() {
    const names = new Map(this.image.renditions.map((each) => [each.codec, each.codecName]));
    names.delete(this.data.own);
    const entries = [...names].map(([codec, name]) => {
      const absent = !this.find(codec);
      return [codec, absent ? `${name} (not at this target)` : name, absent];
    });
    fillSelect($("pick-peer"), entries, $("pick-peer").value || "jpeg2000");
    this.fillSides();
  }

  fillSides() {
    const peer = this.made("peer");
    const sides = [
      ["own", "radcodec", !this.made("own")],
      ["peer", peer ? peer.codecName : "other codec", !peer],
    ];
    for (const id of ["pick-difference", "pick-flicker"]) {
      fillSelect($(id), sides, $(id).value || "own");
    }
  }
}
