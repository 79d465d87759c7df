// The items example through openapi-fetch, with the types that openapi-typescript wrote from its document.

import { deepStrictEqual as equal } from "node:assert";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/schema";

async function main(): Promise<void> {
  const client = createClient<paths>({ baseUrl: process.argv[2]! });

  const created = await client.POST("/items", { body: { name: "table", price: 80 } });
  const item: components["schemas"]["Item"] = created.data!;
  equal([created.response.status, item.name, item.tags], [201, "table", []]);
  const params = { path: { item_id: item.id } };

  equal((await client.GET("/items/{item_id}", { params })).data, item);
  equal((await client.PATCH("/items/{item_id}", { params, body: { price: 70 } })).data, { ...item, price: 70 });
  equal((await client.PUT("/items/{item_id}", { params, body: { name: "desk", price: 1 } })).data!.name, "desk");
  const found = await client.GET("/items", { params: { query: { q: "desk", sort: "name" } } });
  equal(found.data!.items.map((one) => one.id), [item.id]);

  const invalid = await client.POST("/items", { body: { name: "", price: 1 } });
  equal(invalid.error!.errors!.map((error) => error.pointer), ["/name"]);
  equal((await client.DELETE("/items/{item_id}", { params })).response.status, 204);
  equal((await client.GET("/items/{item_id}", { params })).error!.title, "Not Found");

  // @ts-expect-error there is no such path
  equal((await client.GET("/things")).response.status, 404);
  // @ts-expect-error tags are texts
  equal((await client.POST("/items", { body: { name: "x", price: 1, tags: [1] } })).response.status, 422);
}

void main();
