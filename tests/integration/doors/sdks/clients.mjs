// Lets one of the JavaScript libraries make one call, and prints what its user gets.
// The argument is JSON: {client, base, key, model, prompt, n?, images? (base64), stream?}.

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateImage } from "ai";
import OpenAI, { toFile } from "openai";

const call = JSON.parse(process.argv[2]);
const bytesOf = (base64) => Buffer.from(base64, "base64");

const ways = {
  async openai_node() {
    const client = new OpenAI({ baseURL: call.base, apiKey: call.key });
    const wish = { model: call.model, prompt: call.prompt };
    if (call.n) wish.n = call.n;
    if (call.stream) {
      const made = [];
      for await (const event of await client.images.generate({ ...wish, stream: true }))
        if (event.type === "image_generation.completed") made.push(event.b64_json);
      return made;
    }
    if (!call.images) return (await client.images.generate(wish)).data.map((each) => each.b64_json);
    const image = await Promise.all(call.images.map((each, index) => toFile(bytesOf(each), `${index}.png`)));
    return (await client.images.edit({ image, ...wish })).data.map((each) => each.b64_json);
  },
  async vercel_openai() {
    return viaVercel(createOpenAI({ baseURL: call.base, apiKey: call.key }).image(call.model));
  },
  async vercel_compatible() {
    const provider = createOpenAICompatible({ name: "danqing", baseURL: call.base, apiKey: call.key });
    return viaVercel(provider.imageModel(call.model));
  },
};

async function viaVercel(model) {
  const prompt = call.images ? { text: call.prompt, images: call.images.map(bytesOf) } : call.prompt;
  const { images } = await generateImage({ model, prompt, n: call.n ?? undefined });
  return images.map((each) => each.base64);
}

function failureOf(error) {
  const last = error.lastError ?? error; // after the last try, the Vercel SDK says what became of it
  const body = last.data?.error ?? last;
  return { status: last.status ?? last.statusCode ?? null, code: body.code ?? null, message: last.message };
}

const outcome = await ways[call.client]().then((pictures) => ({ pictures }), (error) => ({ failure: failureOf(error) }));
console.log(JSON.stringify(outcome));
