/* SPDX-License-Identifier: MIT */
/* Shows the bits of a frame header (RFC 6455 5.2) at a line of the wire log, and turns pages. */
"use strict";
(function () {
  var box = null, pinned = null;
  var names = ["continuation", "text", "binary", "reserved", "reserved", "reserved", "reserved", "reserved",
    "close", "ping", "pong", "reserved", "reserved", "reserved", "reserved", "reserved"];

  function hex(octets) {
    return octets.map(function (o) { return (o < 16 ? "0" : "") + o.toString(16); }).join(" ");
  }
  function element(tag, text, cls) {
    var e = document.createElement(tag);
    if (text) e.textContent = text;
    if (cls) e.className = cls;
    return e;
  }
  /* fin, rsv, opcode, masked, len, mask in hexadecimal digits */
  function header(f) {
    var octets = [(f.fin ? 128 : 0) | f.rsv << 4 | f.opcode], m = f.mask ? 128 : 0, i;
    if (f.len < 126) octets.push(m | f.len);
    else if (f.len < 65536) octets.push(m | 126, f.len >> 8, f.len & 255);
    else {
      octets.push(m | 127);
      for (i = 7; i >= 0; i--) octets.push(Math.floor(f.len / Math.pow(256, i)) % 256);
    }
    for (i = 0; f.mask && i + 1 < f.mask.length; i += 2) octets.push(parseInt(f.mask.substr(i, 2), 16));
    return octets;
  }
  function cells(f) {
    var row = element("div", "", "cells");
    function cell(name, value, on, odd, title) {
      var c = element("div", "", "cell" + (odd ? " odd" : on ? " on" : ""));
      c.appendChild(element("b", value));
      c.appendChild(element("span", name));
      if (title) c.title = title;
      row.appendChild(c);
    }
    cell("FIN", f.fin ? "1" : "0", f.fin, false, "1: the last frame of its message");
    cell("RSV1", f.rsv & 4 ? "1" : "0", f.rsv & 4, false, "compressed, if permessage-deflate was negotiated; else it must be 0");
    cell("RSV2", f.rsv & 2 ? "1" : "0", 0, f.rsv & 2, "must be 0");
    cell("RSV3", f.rsv & 1 ? "1" : "0", 0, f.rsv & 1, "must be 0");
    cell("opcode: " + names[f.opcode], ("000" + f.opcode.toString(2)).slice(-4), true,
      names[f.opcode] === "reserved" || (f.opcode > 7 && !f.fin));
    cell("MASK", f.mask ? "1" : "0", f.mask);
    var seven = f.len < 126 ? f.len : f.len < 65536 ? 126 : 127;
    cell("length", ("000000" + seven.toString(2)).slice(-7) + " = " + seven, true, f.opcode > 7 && f.len > 125);
    if (seven > 125) cell("length, " + (seven === 126 ? 16 : 64) + " bits", String(f.len), true);
    if (f.mask) cell("masking key", f.mask, true);
    return row;
  }
  function frameOf(octets, at) {
    if (at + 2 > octets.length) return null;
    var f = { fin: octets[at] >> 7, rsv: octets[at] >> 4 & 7, opcode: octets[at] & 15 };
    var len = octets[at + 1] & 127, masked = octets[at + 1] >> 7, next = at + 2, more = len === 126 ? 2 : len === 127 ? 8 : 0, i;
    if (next + more + (masked ? 4 : 0) > octets.length) return null;
    if (more) for (len = 0, i = 0; i < more; i++) len = len * 256 + octets[next++];
    f.len = len;
    if (masked) { f.mask = hex(octets.slice(next, next + 4)).replace(/ /g, ""); next += 4; }
    f.end = next + len;
    return f;
  }
  function fill(button) {
    var d = button.dataset;
    if (d.o !== undefined) {
      var octets = (d.o.match(/../g) || []).map(function (x) { return parseInt(x, 16); });
      var text = octets.map(function (o) { return o >= 32 && o < 127 ? String.fromCharCode(o) : "\u00b7"; }).join("");
      if (/^(GET |HTTP\/)/.test(text)) {
        box.appendChild(element("div", "The opening handshake:"));
        box.appendChild(element("pre", text));
        return;
      }
      var at = 0, n = 0, f;
      /* A read may begin inside a frame; what then looks like a header with impossible bits is
       * payload. */
      while (n < 4 && (f = frameOf(octets, at)) && (f.opcode < 3 || (f.opcode > 7 && f.opcode < 11) || n === 0)) {
        box.appendChild(element("div", (n ? "then, at octet " + at : "Taken as a frame from its first octet") + ":"));
        box.appendChild(cells(f));
        at = f.end;
        n++;
        if (at >= octets.length) break;
      }
      box.appendChild(element("pre", text));
      return;
    }
    var f2 = { fin: +d.fin, rsv: +d.rsv, opcode: +d.op, len: +d.len, mask: d.mask || "" };
    box.appendChild(element("div", "Frame header, " + header(f2).length + " octets: "));
    box.appendChild(element("code", hex(header(f2))));
    box.appendChild(cells(f2));
    if (d.packed) box.appendChild(element("div", "The message was compressed: the length is that of the payload behind the decompressor.", "soft"));
  }
  function hide() {
    if (box) box.remove();
    box = null;
  }
  function show(button) {
    hide();
    box = element("div");
    box.id = "bits";
    box.setAttribute("role", "tooltip");
    fill(button);
    document.body.appendChild(box);
    var r = button.getBoundingClientRect(), left = Math.min(r.left, document.documentElement.clientWidth - box.offsetWidth - 16);
    box.style.left = Math.max(8, left) + window.scrollX + "px";
    var below = r.bottom + 6, above = r.top - box.offsetHeight - 6;
    box.style.top = (below + box.offsetHeight > window.innerHeight && above > 0 ? above : below) + window.scrollY + "px";
  }
  Array.prototype.forEach.call(document.querySelectorAll(".log .f"), function (b) {
    b.addEventListener("mouseenter", function () { if (!pinned) show(b); });
    b.addEventListener("mouseleave", function () { if (!pinned) hide(); });
    b.addEventListener("click", function (e) {
      e.stopPropagation();
      if (pinned === b) { pinned = null; hide(); } else { pinned = b; show(b); }
    });
  });
  document.addEventListener("click", function (e) {
    if (pinned && !(box && box.contains(e.target))) { pinned = null; hide(); }
  });
  document.addEventListener("keydown", function (e) {
    if (e.altKey || e.ctrlKey || e.metaKey) return;
    if (e.key === "Escape") { pinned = null; hide(); }
    var link = e.key === "ArrowLeft" ? "prev" : e.key === "ArrowRight" ? "next" : "";
    link = link && document.querySelector("a[rel=" + link + "]");
    if (link) location.href = link.href;
  });
  var match = location.hash.match(/^#log(\d+)$/), start = match && document.getElementById("log" + match[1]);
  start = start && start.querySelector(".f");
  if (start) { start.scrollIntoView({ block: "center" }); pinned = start; show(start); }
})();
