// Gives the old README's JavaScript helpers what a web page would: a fetch with a base URL, and createImageTask.
//   node examples_old_readme.mjs BASE_URL FOLDER FUNCTION ARGUMENT...

import { readFileSync } from "node:fs";

const [base, folder, name, ...given] = process.argv.slice(2);
const fetchAnywhere = globalThis.fetch;

globalThis.fetch = (path, options) => fetchAnywhere(base + path, options);
globalThis.createImageTask = async (prompt, userId) => {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ prompt, user_id: userId });
  const response = await fetch("/api/v1/ai/image/task", { method: "POST", headers, body });
  return (await response.json()).data.task_id;
};
for (const file of ["poll_task_result.js", "create_image_with_retry.js"]) {
  (0, eval)(readFileSync(`${folder}/${file}`, "utf8"));
}
try {
  console.log(await globalThis[name](...given));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
