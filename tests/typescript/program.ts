// Uses the generated client as an application would: types are checked against the OpenAPI document.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

declare const process: { argv: string[] };

type Job = components["schemas"]["JobAnswer"];

interface Input {
  url: string;
  folder: string;
  /** A WAV file in base64. */
  sound: string;
}

const { url, folder, sound } = JSON.parse(process.argv[2] ?? "{}") as Input;
// Without the media types, an answer could also be text: lines, CSV or subtitles.
type Json = "application/json" | "application/problem+json";
const client = createClient<paths, Json>({ baseUrl: url });
const pages = createClient<paths, "text/html">({ baseUrl: url });

function found<T>(data: T | undefined, error: unknown): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

const request: components["schemas"]["TrainRequest"] = {
  data_path: `${folder}/data`,
  remote_url: `${folder}/corpus.zip`,
  model_save_path: `${folder}/model`,
  model_type: "RandomForestClassifier",
  model_config: { n_estimators: 5 },
  dataset_feature_extract_methods: { SpeakerAndGenderAndTextType: {} },
};

const trained = await client.POST("/train", { body: request });
const model = found(trained.data, trained.error);
if (!("model_id" in model)) throw new Error("a job instead of an answer");
const uar: number = model.metrics.uar;

const accepted = await client.POST("/train", {
  body: request,
  params: { header: { Prefer: "respond-async" } },
});
const created = found(accepted.data, accepted.error);
if (!("job_id" in created)) throw new Error("an answer instead of a job");
const path = { job_id: created.job_id };
const state = await client.GET("/train/{job_id}", { params: { path } });
const job: Job = found(state.data, state.error);
const listed = await client.GET("/train", { params: { query: { limit: 5 } } });
const jobs = found(listed.data, listed.error).jobs.map((each) => each.job_id);

const place = { model_id: model.model_id, model_save_path: request.model_save_path };
const json = await client.POST("/predict", { body: { ...place, audio: [sound] } });
const predicted = found(json.data, json.error);
if (!("emotions" in predicted)) throw new Error("a job instead of an answer");

const form = new FormData();
for (const [name, value] of Object.entries(place)) form.set(name, value ?? "");
const bytes = Uint8Array.from(atob(sound), (character) => character.charCodeAt(0));
form.append("audio", new Blob([bytes], { type: "audio/wav" }), "sound.wav");
const multipart = await client.POST("/predict", { body: place, bodySerializer: () => form });
const uploaded = found(multipart.data, multipart.error);
if (!("emotions" in uploaded)) throw new Error("a job instead of an answer");

const report = await pages.GET("/models/{model_id}/report", {
  params: {
    path: { model_id: place.model_id },
    query: { model_save_path: place.model_save_path },
  },
  parseAs: "text",
});
const page: string = found(report.data, report.error);

const refused = await client.POST("/predict", { body: place });
const problem: components["schemas"]["Problem"] | undefined = refused.error;

console.log(
  JSON.stringify({
    model_id: model.model_id,
    uar,
    job: job.job_id,
    jobs,
    emotions: [predicted.emotions[0], uploaded.emotions[0]],
    beginning: page.slice(0, 15),
    refused: problem?.errors?.[0]?.loc,
  }),
);
