// Small helps where htmx put a part of a page in place. Everything works without this file, too.
(function () {
  "use strict";

  // A row that became a form: the cursor goes into its first bad cell, or its first cell.
  document.addEventListener("htmx:afterSettle", function (event) {
    var body = event.detail.elt;
    if (!body || !body.classList) return;
    if (body.classList.contains("b-row-editing")) {
      // One question after the other: one selector with commas finds what stands first in the row, bad or not.
      var first = ["[aria-invalid=true]", "[data-bad]", "input:not([type=hidden])"].reduce(function (found, sort) {
        return found || body.querySelector(sort);
      }, null);
      if (first) first.focus();
    } else if (body.classList.contains("b-row")) {
      comeBack(body);
    }
  });

  function comeBack(body) {
    var again = body.querySelector(".b-acts a, .b-acts button");
    if (again) again.focus();
  }

  // A correction that concerns other rows reloads the page: the keyboard comes back to its row, or to the table.
  document.addEventListener("htmx:beforeOnLoad", function (event) {
    var body = event.detail.elt.closest("tbody.b-row");
    if (body && event.detail.xhr.getResponseHeader("HX-Refresh") === "true") sessionStorage.setItem("b-row", body.id);
  });
  var left = sessionStorage.getItem("b-row") || (/^#row-\d+$/.test(location.hash) && location.hash.slice(1));
  if (left) {
    sessionStorage.removeItem("b-row");
    var body = document.getElementById(left);
    var table = document.querySelector("#rows .b-scroll");
    var take = function () {
      if (document.activeElement && document.activeElement !== document.body) return;
      if (body) comeBack(body);
      else if (table) table.focus();
    };
    take();
    // A browser that then goes to the row of the address gives the keyboard to the page as a whole.
    window.addEventListener("load", function () {
      requestAnimationFrame(take);
    });
  }

  // What was sent from a row and failed is told; the next answer takes the words away.
  function tell(failed) {
    return function () {
      var words = document.querySelector("#rows .b-failed");
      if (words) words.hidden = !failed;
    };
  }
  document.addEventListener("htmx:sendError", tell(true));
  document.addEventListener("htmx:responseError", tell(true));
  document.addEventListener("htmx:afterSwap", tell(false));

  // Escape leaves a row as it was.
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    var body = event.target.closest && event.target.closest(".b-row-editing");
    var cancel = body && body.querySelector(".b-cancel");
    if (cancel) {
      event.preventDefault();
      cancel.click();
    }
  });

  // The mapping: beside each field the first values of the column that is chosen for it.
  document.addEventListener("change", function (event) {
    var select = event.target;
    var place = select.id && document.querySelector('.b-samples[data-for="' + select.id + '"]');
    if (!place) return;
    var heads = document.querySelectorAll("#preview th[data-samples]");
    place.textContent = select.value === "" ? "" : heads[Number(select.value)].dataset.samples;
  });

  // A form is sent once, however often it is pressed.
  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "1";
    form.classList.add("b-sent");
  });
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach(function (form) {
      delete form.dataset.sent;
      form.classList.remove("b-sent");
    });
  });
})();
