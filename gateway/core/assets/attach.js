// Files that go with the next message: chosen by the button, pasted, or dropped. They are shown small before they are sent.
import { bytes, make } from "./cards.js";

const PICTURES = ["image/png", "image/jpeg", "image/gif", "image/webp"];
// Photographs that are larger are made smaller here: some providers take none of more than 5 MB in base64, and models see no more anyway.
const SHRINK_BYTES = 3_500_000;
const SHRINK_SIDE = 2048;

// What the gateway would refuse; what it knows better by looking at the bytes is left to it.
const NEITHER = /^(audio|video|font)\/|^application\/(pdf|zip|gzip|msword|octet-stream|vnd\.|x-(7z|bzip|rar|tar|zip))/;

const form = document.getElementById("composer");
const list = document.getElementById("files");
const told = document.getElementById("files-told");
const input = document.getElementById("file");
const button = document.getElementById("attach");
const { maxFiles, maxPicture, maxText } = form.dataset;

let chosen = []; // [{file, url}], a url for pictures alone
let changed = () => {};

const isPicture = (file) => PICTURES.includes(file.type);

/** Why a file is not taken; the gateway looks at its bytes, too. */
function trouble(file) {
  if (chosen.length >= Number(maxFiles)) return `At most ${maxFiles} files go with one message.`;
  if (file.type.startsWith("image/") && !isPicture(file)) return `${file.name} is no PNG, JPEG, GIF or WebP; other pictures are not taken.`;
  if (NEITHER.test(file.type)) return `${file.name} is neither a picture nor a text. Put it into the workspace and name it there.`;
  if (!file.size) return `${file.name} is empty.`;
  const most = Number(isPicture(file) ? maxPicture : maxText);
  if (file.size > most) return `${file.name} has ${bytes(file.size)}; at most ${bytes(most)} are taken. Put large files into the workspace.`;
  return null;
}

async function shrunk(file) {
  if (!isPicture(file) || file.type === "image/gif" || file.size <= SHRINK_BYTES) return file;
  try {
    const drawn = await createImageBitmap(file);
    const scale = Math.min(1, SHRINK_SIDE / Math.max(drawn.width, drawn.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(drawn.width * scale));
    canvas.height = Math.max(1, Math.round(drawn.height * scale));
    canvas.getContext("2d").drawImage(drawn, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
    return blob && blob.size < file.size ? new File([blob], file.name, { type: "image/jpeg" }) : file;
  } catch {
    return file; // The gateway says what is wrong with it.
  }
}

function draw() {
  list.replaceChildren(...chosen.map((one) => {
    const item = make("li");
    if (one.url) {
      const picture = make("img");
      picture.src = one.url;
      picture.alt = "";
      item.append(picture);
    }
    const remove = make("button", "", "×");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${one.file.name}`);
    remove.addEventListener("click", () => {
      const at = chosen.indexOf(one);
      chosen.splice(at, 1);
      if (one.url) URL.revokeObjectURL(one.url);
      tell("");
      draw();
      // Whoever uses the keyboard goes on where they were.
      (list.querySelectorAll("button")[Math.min(at, chosen.length - 1)] ?? button).focus();
    });
    item.append(make("span", "", one.file.name), remove);
    return item;
  }));
  list.hidden = chosen.length === 0;
  changed();
}

function tell(text) {
  told.textContent = text;
  told.hidden = !text;
}

async function add(files) {
  const wrong = [];
  for (const file of await Promise.all([...files].map(shrunk))) {
    const why = trouble(file);
    if (why) wrong.push(why);
    else chosen.push({ file, url: isPicture(file) ? URL.createObjectURL(file) : null });
  }
  tell(wrong.join(" "));
  draw();
}

function read(file) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => done(reader.result));
    reader.addEventListener("error", () => fail(new Error(`${file.name} cannot be read.`)));
    reader.readAsDataURL(file);
  });
}

/** How many there are. */
export const count = () => chosen.length;

/** Takes all of them: as the gateway wants them, as they are shown, and their names. */
export function take() {
  const all = chosen;
  chosen = [];
  if (list) {
    tell("");
    draw();
  }
  return {
    pictures: all.filter(({ url }) => url).map(({ url }) => url),
    names: all.filter(({ url }) => !url).map(({ file }) => file.name),
    sent: () => Promise.all(all.map(async ({ file }) => ({ file_name: file.name, media_type: file.type || undefined, content: await read(file) }))),
  };
}

/** What the person said, with the pictures and the names of the files that went with it. */
export function saidWith(message, pictures = [], names = []) {
  const item = make("li", "said", [message, ...names.map((name) => `[${name}]`)].filter(Boolean).join("\n"));
  if (pictures.length) {
    const row = make("div", "pictures");
    row.append(...pictures.map((url, at) => {
      const picture = make("img");
      picture.src = url;
      picture.alt = `Picture ${at + 1} of ${pictures.length}`;
      picture.loading = "lazy";
      return picture;
    }));
    item.append(row);
  }
  return item;
}

/** Listens for files; `onChange` is told when there are others. */
export function listen(field, onChange) {
  if (!button) return;
  changed = onChange;
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    await add(input.files);
    input.value = "";
    field.focus();
  });
  field.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    add(event.clipboardData.files);
  });
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    form.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("dropping"); });
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    form.classList.remove("dropping");
    add(event.dataTransfer.files);
    field.focus();
  });
}
