/* SPDX-License-Identifier: MIT */
/* Filters the table of cases; the state of the filter is the part of the address behind '#',
 * so that a view can be shared. "#case_6_2_4" is the address of a row. */
"use strict";
(function () {
  var search = document.getElementById("q"), category = document.getElementById("c");
  var shown = document.getElementById("shown"), details = document.getElementById("details");
  var chips = Array.prototype.slice.call(document.querySelectorAll(".chips button"));
  var rows = Array.prototype.slice.call(document.querySelectorAll("#cases tbody tr"));
  var state = { q: "", v: "", c: "", d: "" };
  /* The titles of its categories are found with a case. */
  var above = ["", ""];
  rows.forEach(function (row) {
    var text = row.textContent.toLowerCase();
    if (row.className === "cat") above = [text, ""];
    else if (row.className === "sub") above[1] = text;
    else row.words = text + " " + above.join(" ");
  });

  function apply() {
    var words = state.q.toLowerCase().split(/\s+/).filter(Boolean), cat = null, sub = null, n = 0, all = 0;
    rows.forEach(function (row) {
      if (row.className.indexOf("cat") === 0) { cat = row; cat.classList.add("hide"); sub = null; return; }
      if (row.className.indexOf("sub") === 0) { sub = row; sub.classList.add("hide"); return; }
      all++;
      var id = row.dataset.id, ok = !state.c || id.split(".")[0] === state.c;
      ok = ok && (!state.v || (" " + row.dataset.v + " ").indexOf(" " + state.v + " ") >= 0);
      ok = ok && words.every(function (w) {
        return /^\d+(\.\d+)*\.?$/.test(w) ? (id === w || id.indexOf(w.replace(/\.?$/, ".")) === 0) : row.words.indexOf(w) >= 0;
      });
      row.classList.toggle("hide", !ok);
      if (ok) {
        n++;
        if (cat) cat.classList.remove("hide");
        if (sub) sub.classList.remove("hide");
      }
    });
    shown.textContent = n === all ? all + " cases" : n + " of " + all + " cases";
    search.value = state.q;
    category.value = state.c;
    document.body.classList.toggle("show-details", state.d === "1");
    details.setAttribute("aria-pressed", String(state.d === "1"));
    chips.forEach(function (b) { b.setAttribute("aria-pressed", String(b.dataset.v === state.v)); });
  }
  function read() {
    var hash = location.hash.slice(1);
    state = { q: "", v: "", c: "", d: "" };
    if (hash && hash.indexOf("=") >= 0)
      new URLSearchParams(hash).forEach(function (value, key) {
        if (Object.prototype.hasOwnProperty.call(state, key)) state[key] = value;
      });
    apply();
  }
  function write() {
    var p = new URLSearchParams();
    Object.keys(state).forEach(function (k) { if (state[k]) p.set(k, state[k]); });
    var text = p.toString();
    history.replaceState(null, "", text ? "#" + text : location.pathname + location.search);
    apply();
  }
  search.addEventListener("input", function () { state.q = search.value; write(); });
  category.addEventListener("change", function () { state.c = category.value; write(); });
  details.addEventListener("click", function () { state.d = state.d ? "" : "1"; write(); });
  chips.forEach(function (b) {
    b.addEventListener("click", function () { state.v = b.dataset.v; write(); });
  });
  window.addEventListener("hashchange", function () {
    if (location.hash.indexOf("=") >= 0) {
      read();
      document.getElementById("filter").scrollIntoView();
    }
  });
  document.addEventListener("keydown", function (e) {
    if (e.key === "/" && document.activeElement !== search) { e.preventDefault(); search.focus(); }
  });
  read();
})();
