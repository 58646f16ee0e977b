"use strict";
const find = id => document.getElementById(id);
const percent = value => `${(100 * value).toFixed(value < 0.0995 ? 1 : 0)}\u00a0%`;
const short = digest => (digest || "").slice(0, 12);
const MARKED = 0.12;  // of the strongest word's share: gradients give every word a little
let token = null, last = 0;

class Refused extends Error {}

async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused("The server does not answer. Try again.");
  }
  if (answer.ok) return answer;
  if (answer.status === 401) find("token-form").hidden = false;
  let line = `The server answered ${answer.status}.`;
  try { line = (await answer.json()).error; } catch { /* no JSON */ }
  throw new Refused(line);
}

const post = async (path, body) =>
  (await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) })).json();

function say(problem) {
  find("problem").textContent = problem;
  find("problem").hidden = !problem;
}

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function showTop(top) {
  find("top").replaceChildren(...top.map(({ label, probability }) => {
    const item = element("li"), bar = element("div", undefined, "bar"), fill = element("span");
    fill.style.width = `${100 * probability}%`;
    bar.setAttribute("aria-hidden", "true");
    bar.append(fill);
    item.append(element("span", label), element("span", percent(probability), "share"), bar);
    return item;
  }));
  find("order-note").hidden = top.every((item, index) => !index || item.probability <= top[index - 1].probability);
}

function showPrediction(prediction, model) {
  const { label, probability, unsure, top } = prediction;
  find("unsure").hidden = !unsure;
  find("unsure-why").textContent = unsure
    ? `Its best guess has a probability of ${percent(probability)}; below ${percent(model.threshold)} it leaves complaints to people.` : "";
  find("result-kind").textContent = unsure ? "Best guess" : "Label";
  find("result-head").textContent = label;
  showTop(top);
  find("empty").hidden = true;
  find("result").hidden = false;
  find("state").textContent = `${unsure ? "Unsure, send to a person. Best guess" : "Label"}: ${label}, ${percent(probability)}`;
}

function showWords(text, part, label) {
  const most = Math.max(...part.tokens.map(token => Math.abs(token.score)), 1e-12);
  const characters = [...text], pieces = [];
  let at = 0;
  for (const { start, end, score } of [...part.tokens].sort((a, b) => a.start - b.start)) {
    if (start < at || end <= start) continue;
    pieces.push(characters.slice(at, start).join(""));
    const strength = Math.abs(score) / most, piece = characters.slice(start, end).join("");
    if (strength < MARKED) pieces.push(piece);
    else {
      const mark = element("mark", piece, score > 0 ? "for" : "against");
      mark.style.setProperty("--strength", (0.08 + 0.5 * strength).toFixed(2));
      mark.title = `${score > 0 ? "+" : "\u2212"}${Math.abs(score).toFixed(3)}`;
      pieces.push(mark);
    }
    at = end;
  }
  find("words").replaceChildren(...pieces, characters.slice(at).join(""));
  const named = sign => part.tokens.filter(token => sign * token.score >= MARKED * most)
    .sort((a, b) => sign * (b.score - a.score)).slice(0, 5)
    .map(({ start, end }) => `\u201c${characters.slice(start, end).join("").trim()}\u201d`).join(", ");
  find("strongest").textContent = [["For", named(1)], ["Against", named(-1)]]
    .filter(([, words]) => words).map(([side, words]) => `${side} \u201c${label}\u201d: ${words}.`).join(" ") + ` Method: ${part.method}.`
    + (part.completeness_error > 0.01 ? ` The shares miss the score by ${percent(part.completeness_error)}: take them with care.` : "");
}

function showWhy(text, answer) {
  const parts = answer.attributions, near = answer.neighbours;
  find("why").hidden = !parts;
  const missing = answer.absent.attributions;
  find("why-state").textContent = parts && !missing ? "" : `Not available${parts ? " of all models" : ""}: ${missing}.`;
  if (parts) {
    find("part").replaceChildren(...parts.map((part, index) =>
      new Option(`${part.model} (weight ${part.weight.toFixed(2)})`, index)));
    find("part").parentElement.hidden = parts.length < 2;
    find("part").onchange = () => showWords(text, parts[find("part").value], answer.label);
    showWords(text, parts[0], answer.label);
  }
  find("near-state").textContent = near ? "" : `Not available: ${answer.absent.neighbours}.`;
  find("near").replaceChildren(...(near || []).map(({ row_id, label, cosine, text }) => {
    const item = element("li"), head = element("div");
    head.append(element("strong", label), element("span", ` ${row_id}, similarity ${cosine.toFixed(2)}`, "note"));
    item.append(head, element("p", text ?? ""));
    return item;
  }));
}

async function labelText(event) {
  event.preventDefault();
  const text = find("text").value, mine = ++last;
  if (!text.trim()) { say("The text is empty. Write or paste a complaint."); find("text").focus(); return; }
  say("");
  find("submit").disabled = true;
  find("result").classList.add("busy");
  try {
    const answer = await post("predict", { text, top: 5 });
    if (mine !== last) return;
    showPrediction(answer.predictions[0], answer.model);
    showWhy(text, { absent: {} });
    find("why-state").textContent = "Computing \u2026";
    find("near-state").textContent = "";
    find("result").classList.remove("busy");
    find("submit").disabled = false;
    if (matchMedia("(max-width: 60rem)").matches) find("result").scrollIntoView();
    const why = await post("explain", { text, label: answer.predictions[0].label });
    if (mine === last) showWhy(text, why);
  } catch (error) {
    if (mine === last) { say(error.message); find("why-state").textContent = ""; }
  } finally {
    find("submit").disabled = false;
    find("result").classList.remove("busy");
  }
}

async function labelFile(file) {
  const state = find("file-state"), column = find("column").value.trim(), format = find("format").value;
  say("");
  state.textContent = `Labelling ${file.name} \u2026`;
  const query = new URLSearchParams({ name: file.name, text_column: column, keep: column, format });
  try {
    const answer = await ask(`label?${query}`, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
    const rows = Number(answer.headers.get("X-Rows")), unsure = Number(answer.headers.get("X-Unsure"));
    const blank = Number(answer.headers.get("X-Blank")), link = element("a", "Save the labelled file");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = `${file.name.replace(/\.[^.]*$/, "")}-labelled${format}`;
    const counts = [`${rows.toLocaleString("en")} rows`, unsure && `${unsure} to send to a person`, blank && `${blank} without text`];
    state.replaceChildren(`${file.name}: ${counts.filter(Boolean).join(", ")}. `, link);
    link.focus();
  } catch (error) {
    state.textContent = "";
    say(error.message);
  }
}

function fact(name, ...values) {
  const value = element("dd");
  value.append(...values);
  return [element("dt", name), value];
}

async function showModel() {
  try {
    const model = await (await ask("model")).json();
    const facts = fact("Model", `${model.name}, digest `, element("code", short(model.digest)));
    facts.push(...fact("Labels", String(model.labels.length)));
    facts.push(...fact("Unsure below", model.threshold === null ? "no threshold: every complaint has a label" : percent(model.threshold)));
    const trained = new Set();
    for (const [name, part] of Object.entries(model.parts)) {
      facts.push(...fact(`Part ${name}`, `weight ${part.weight.toFixed(2)}, `, element("code", `complaints trace ${part.folder}`)));
      const rows = part.data.rows?.train, split = part.data.splits_sha256?.train;
      if (!rows || trained.has(split)) continue;
      trained.add(split);
      facts.push(...fact("Trained on", `${rows.rows.toLocaleString("en")} complaints, ids `, element("code", short(rows.row_ids_sha256)), ", split ", element("code", short(split))));
    }
    find("facts").replaceChildren(...facts);
    for (const name of ["card", "lineage"]) {
      find(name).hidden = !model[name];
      find(name).ontoggle = async () => {
        const shown = find(name).querySelector("pre");
        if (!find(name).open || shown.textContent) return;
        try { shown.textContent = await (await ask(model[name].slice(1))).text(); } catch (error) { say(error.message); }
      };
    }
  } catch (error) { say(error.message); }
}

find("text-form").addEventListener("submit", labelText);
find("text").addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find("text-form").requestSubmit();
});
find("chosen").addEventListener("change", event => {
  if (event.target.files.length) labelFile(event.target.files[0]);
  event.target.value = "";
});
find("token-form").addEventListener("submit", event => {
  event.preventDefault();
  token = find("token").value;
  find("token-form").hidden = true;
  say("");
  showModel();
});
for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, event => { event.preventDefault(); document.body.classList.add("dragged"); });
}
addEventListener("dragleave", event => { if (!event.relatedTarget) document.body.classList.remove("dragged"); });
addEventListener("drop", event => {
  event.preventDefault();
  document.body.classList.remove("dragged");
  if (event.dataTransfer.files.length) labelFile(event.dataTransfer.files[0]);
});
showModel();
