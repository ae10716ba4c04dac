"use strict";
// The catalogue's pages: choice of the language, search, copying of examples. Without it they are plain pages.

const SHOWN_MAX = 40; // hits of one kind; more help nobody
const PLACES_MAX = 6; // places of one field

// How well a text answers a term: 0 not at all, 3 it is the term itself.
function fit(text, term) {
  const at = text.toLowerCase().indexOf(term);
  if (at < 0) return 0;
  if (text.length === term.length) return 3;
  return at === 0 ? 2 : 1;
}

// How well texts answer all terms: each has to be in one of them; earlier texts weigh more, and so do
// terms that stand together as they were asked for.
function score(texts, terms) {
  let sum = 0;
  for (const term of terms) {
    const best = Math.max(...texts.map((text, number) => fit(text, term) * (texts.length - number)));
    if (best === 0) return 0;
    sum += best;
  }
  return sum + Math.max(...texts.map((text) => fit(text, terms.join(" "))));
}

function best(rows, textsOf, terms) {
  const hits = rows.map((row, number) => ({ row, number, score: score(textsOf(row), terms) }));
  const found = hits.filter((hit) => hit.score > 0);
  found.sort((a, b) => b.score - a.score || a.number - b.number);
  return { count: found.length, rows: found.slice(0, SHOWN_MAX).map((hit) => hit.row) };
}

// What an index holds for a question: hits by kind, the best first.
function find(index, question) {
  const terms = question.toLowerCase().split(/\s+/).filter((term) => term !== "");
  if (terms.length === 0) return null;
  return {
    transactions: best(index.transactions, ([infno, zh, en]) => [infno, zh, en], terms),
    fields: best(index.fields, ([name, label]) => [name, label], terms),
    tables: best(index.tables, ([name, label, values]) => [name, label, values], terms),
  };
}

// An element with text or other elements in it; never markup from data.
function make(name, attributes, ...inner) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inner);
  return element;
}

function both(zh, en) {
  const chinese = make("span", { class: "zh", lang: "zh-CN" }, zh);
  const english = make("span", { class: "en", lang: "en" }, en);
  return make("span", {}, chinese, make("span", { class: "sep" }, " "), english);
}

function section(zh, en, hits, lineOf) {
  if (hits.count === 0) return [];
  const list = make("ul", { class: "hits" }, ...hits.rows.map((row) => make("li", {}, ...lineOf(row))));
  return [make("h2", {}, both(zh, en), ` (${hits.count})`), list];
}

function placesOf(index, [name, , places]) {
  const links = [];
  for (let at = 0; at < Math.min(places.length, 2 * PLACES_MAX); at += 2) {
    const infno = index.transactions[places[at]][0];
    const path = index.paths[places[at + 1]];
    const to = `transactions/${infno}.html#${encodeURIComponent(`${path}.${name}`)}`;
    links.push(make("a", { href: to }, `${infno} ${path}`), " ");
  }
  const left = places.length / 2 - PLACES_MAX;
  return left > 0 ? [...links, `+ ${left}`] : links;
}

function shown(index, found) {
  const parts = [
    ...section("交易", "Transactions", found.transactions, ([infno, zh, en]) => [
      make("a", { href: `transactions/${infno}.html` }, make("code", {}, infno), ` ${zh}`),
      make("span", { class: "under", lang: "en" }, en),
    ]),
    ...section("字段", "Fields", found.fields, (row) => [
      make("code", {}, row[0]), ` ${row[1]} `, make("span", { class: "under" }, ...placesOf(index, row)),
    ]),
    ...section("代码表", "Code tables", found.tables, ([name, label]) => [
      make("a", { href: `codes.html#${encodeURIComponent(name)}` }, make("code", {}, name), ` ${label}`),
    ]),
  ];
  return parts.length > 0 ? parts : [make("p", {}, both("没有找到", "Nothing found"))];
}

function startSearch(form, index) {
  const query = form.querySelector("#query");
  const line = form.querySelector("#line");
  const results = document.querySelector("#results");
  const all = document.querySelector("#all");

  function filter() {
    for (const link of all.querySelectorAll("[data-infno]")) {
      const wanted = line.value === "" || link.dataset.lines.split(" ").includes(line.value);
      link.closest("tr").hidden = !wanted;
    }
    for (const group of all.querySelectorAll(".group")) {
      group.hidden = group.querySelector("tbody tr:not([hidden])") === null;
    }
  }

  function search() {
    const found = find(index, query.value);
    results.hidden = found === null;
    all.hidden = found !== null;
    results.replaceChildren(...(found === null ? [] : shown(index, found)));
    // The question stays with the page, so that the way back from a hit leads to it.
    history.replaceState(null, "", query.value === "" ? "#" : `#q=${encodeURIComponent(query.value)}`);
  }

  const asked = /^#q=(.*)$/.exec(location.hash);
  if (asked) {
    query.value = decodeURIComponent(asked[1]);
    search();
  }
  query.addEventListener("input", search);
  line.addEventListener("change", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    const writing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
    if (event.key === "/" && !writing) {
      event.preventDefault();
      query.focus();
    }
  });
}

function setLanguage(key) {
  document.documentElement.dataset.lang = key;
  document.documentElement.lang = key === "en" ? "en" : "zh-CN";
  for (const button of document.querySelectorAll("[data-set-lang]")) {
    button.setAttribute("aria-pressed", String(button.dataset.setLang === key));
  }
}

// Some browsers keep nothing for pages from a disk; then the choice holds for one page.
function keptLanguage() {
  try {
    return localStorage.getItem("yibao-lang");
  } catch {
    return null;
  }
}

function keepLanguage(key) {
  try {
    localStorage.setItem("yibao-lang", key);
  } catch {
    // as above
  }
}

function startPage() {
  const liked = navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
  setLanguage(keptLanguage() ?? liked);
  for (const button of document.querySelectorAll("[data-set-lang]")) {
    button.addEventListener("click", () => {
      keepLanguage(button.dataset.setLang);
      setLanguage(button.dataset.setLang);
    });
  }
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => {
      const text = document.getElementById(button.dataset.copy);
      getSelection().selectAllChildren(text);
      document.execCommand("copy"); // the newer way is closed to pages from a disk
    });
  }
  const form = document.querySelector("#search");
  if (form) startSearch(form, globalThis.YIBAO_INDEX);
}

if (typeof document === "undefined") {
  module.exports = { find };
} else {
  document.addEventListener("DOMContentLoaded", startPage);
}
