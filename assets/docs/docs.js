// What the page /docs shows. Every address is relative to the page, so that it works behind any prefix, and none leads to
// another host: validatorUrl would send the document away.
window.SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  validatorUrl: null,
  displayRequestDuration: true,
  onComplete: () => {
    const title = document.querySelector("#docs .info .title");
    if (title) document.title = title.firstChild.textContent;
  },
});
