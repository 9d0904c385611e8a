// validatorUrl: Swagger UI would otherwise ask a public service about the document.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null });
