// Markdown as models write it, made into elements: paragraphs, headings, lists, code, emphasis and links. What it does not
// know stays as it was written; nothing is ever taken as markup.
import { make } from "./cards.js";

const INLINE = /(`+)([\s\S]+?)\1|\*\*([\s\S]+?)\*\*|\*([^\s*][^*]*?)\*|\[([^\]]+)\]\((\S+?)\)|(https?:\/\/[^\s<>()"'`*]+[^\s<>()"'`*.,;:!?])/g;

function link(text, address) {
  if (!/^https?:\/\//i.test(address)) return document.createTextNode(text);
  const anchor = make("a", "", text);
  anchor.href = address;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer";
  return anchor;
}

function inline(parent, text) {
  let from = 0;
  for (const match of text.matchAll(INLINE)) {
    parent.append(text.slice(from, match.index));
    from = match.index + match[0].length;
    const [, , code, strong, weak, label, address, bare] = match;
    if (code !== undefined) parent.append(make("code", "", code));
    else if (strong !== undefined) inline(parent.appendChild(make("strong")), strong);
    else if (weak !== undefined) inline(parent.appendChild(make("em")), weak);
    else if (label !== undefined) parent.append(link(label, address));
    else parent.append(link(bare, bare));
  }
  parent.append(text.slice(from));
  return parent;
}

function list(lines, ordered) {
  const element = make(ordered ? "ol" : "ul");
  for (const line of lines) {
    const item = line.match(/^\s*(?:[-*+]|\d+[.)])\s+(.*)$/);
    if (item) inline(element.appendChild(make("li")), item[1]);
    else if (element.lastChild) inline(element.lastChild, `\n${line.trim()}`);
  }
  return element;
}

function block(lines) {
  const heading = lines[0].match(/^(#{1,6})\s+(.*)$/);
  if (heading) {
    const rest = lines.slice(1);
    const parts = [inline(make("h3"), heading[2])];
    return rest.length ? [...parts, ...block(rest)] : parts;
  }
  const at = lines.findIndex((line) => /^\s*(?:[-*+]|\d+[.)])\s+/.test(line));
  if (at === 0) return [list(lines, /^\s*\d/.test(lines[0]))];
  // A list may follow its sentence without an empty line.
  if (at > 0) return [...block(lines.slice(0, at)), ...block(lines.slice(at))];
  return [inline(make("p"), lines.join("\n"))];
}

/** The elements that `text` makes. */
export function markdown(text) {
  const box = make("div", "words prose");
  let lines = [];
  let fence = null;
  const flush = () => {
    if (lines.length) box.append(...block(lines));
    lines = [];
  };
  for (const line of text.split("\n")) {
    if (fence) {
      if (line.trim().startsWith(fence.mark)) {
        box.append(make("pre", "", fence.lines.join("\n")));
        fence = null;
      } else fence.lines.push(line);
      continue;
    }
    const open = line.match(/^\s*(```+|~~~+)/);
    if (open) {
      flush();
      fence = { mark: open[1], lines: [] };
    } else if (line.trim() === "") flush();
    else lines.push(line);
  }
  flush();
  // Half of an answer may end within code.
  if (fence) box.append(make("pre", "", fence.lines.join("\n")));
  return box;
}
