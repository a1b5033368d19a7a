"use strict";
// The menu comes from the server: it lists the APIs that are served on this address.
window.addEventListener("load", async () => {
  const { urls } = await (await fetch("apis.json")).json();
  window.ui = SwaggerUIBundle({
    urls,
    dom_id: "#swagger-ui",
    deepLinking: true,
    validatorUrl: null,
    displayRequestDuration: true,
    docExpansion: "list",
    filter: true,
    tryItOutEnabled: true,
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    layout: "StandaloneLayout",
  });
});
