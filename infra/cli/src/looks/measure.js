// Measures the page as a reader sees it. The value of this script is what `looks::Measured` reads; nothing is judged here.
(() => {
  const styleOf = element => getComputedStyle(element);
  const short = text => text.trim().replace(/\s+/g, " ").slice(0, 40);
  // [red, green, blue, alpha]; null for a colour of another space.
  const colour = text => {
    const parts = /^rgba?\(([^)]*)\)$/.exec(text)?.[1].split(/[,/\s]+/).filter(Boolean).map(Number);
    return parts?.length >= 3 ? [parts[0], parts[1], parts[2], parts[3] ?? 1] : null;
  };
  const ancestors = element => {
    const all = [];
    for (let at = element; at; at = at.parentElement) all.push(at);
    return all;
  };
  // A hidden preview is no text of the page.
  const isSeen = element => ancestors(element).every(at => {
    const style = styleOf(at);
    return style.display !== "none" && style.visibility === "visible" && Number(style.opacity) > 0;
  });
  // The page's own ground, which nobody has painted.
  const canvas = (() => {
    const probe = document.createElement("div");
    probe.style.backgroundColor = "Canvas";
    document.body.append(probe);
    const found = colour(styleOf(probe).backgroundColor);
    probe.remove();
    return found;
  })();
  // Everything painted behind an element, nearest first, down to what nothing shines through; null if a picture is among it.
  const behind = element => {
    const layers = [];
    for (const at of ancestors(element)) {
      const style = styleOf(at);
      if (style.backgroundImage !== "none") return null;
      const layer = colour(style.backgroundColor);
      if (!layer) return null;
      if (layer[3] > 0) layers.push(layer);
      if (layer[3] === 1) return layers;
    }
    return canvas ? [...layers, canvas] : null;
  };

  const texts = [];
  const lines = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || ["STYLE", "SCRIPT", "TITLE"].includes(element.tagName) || !isSeen(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].filter(box => box.width > 0 && box.height > 0);
    if (!boxes.length) continue;
    lines.push({ text: node.data, bottom: Math.max(...boxes.map(box => box.bottom)) + scrollY });
    const style = styleOf(element);
    const own = colour(style.color);
    const opacity = ancestors(element).reduce((product, at) => product * Number(styleOf(at).opacity), 1);
    texts.push({
      text: short(node.data),
      colour: own && [own[0], own[1], own[2], own[3] * opacity],
      behind: behind(element),
      size_px: parseFloat(style.fontSize),
      weight: Number(style.fontWeight),
      left: Math.min(...boxes.map(box => box.left)) + scrollX,
      right: Math.max(...boxes.map(box => box.right)) + scrollX,
    });
  }

  const bottom = element => element.getBoundingClientRect().bottom + scrollY;
  const heading = [...document.querySelectorAll("h1, h2, [role=heading]")].find(isSeen);
  // A link with a ground of its own.
  const buttons = [...document.querySelectorAll("a[href]")].filter(link => {
    const style = styleOf(link);
    return isSeen(link) && style.display === "inline-block" && colour(style.backgroundColor)?.[3] > 0;
  });
  return {
    width: innerWidth,
    height: Math.ceil(Math.max(document.documentElement.scrollHeight, document.body.scrollHeight)),
    scroll_width: document.documentElement.scrollWidth,
    headline: heading ? { text: short(heading.innerText), bottom: bottom(heading) } : null,
    buttons: buttons.map(link => ({ text: short(link.innerText), bottom: bottom(link) })),
    texts,
    lines: lines.map(({ text, bottom }) => ({ text: text.replace(/\s+/g, " "), bottom })),
  };
})()
