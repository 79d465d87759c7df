// The items example through a client that @hey-api/openapi-ts wrote from its document: functions, types and transport.
// `// @ts-expect-error` lines are part of the test: they fail to compile if the client would let the mistake pass.

import { deepStrictEqual as equal, ok } from "node:assert";
import { changeItem, createItem, deleteItem, listItems, readItem, replaceItem } from "./generated/sdk";
import { client } from "./generated/sdk/client.gen";
import type { Item, NewItem, Problem } from "./generated/sdk";

async function main(): Promise<void> {
  client.setConfig({ baseUrl: process.argv[2]! });

  const lamp: NewItem = { name: "lamp", price: 30 }; // tags have a default: they may be left out
  const created = await createItem({ body: lamp });
  equal(created.response?.status, 201);
  const item: Item = created.data!;
  equal([item.name, item.price, item.tags], ["lamp", 30, []]);
  const path = { item_id: item.id };

  equal((await readItem({ path })).data, item);
  equal((await changeItem({ path, body: { tags: ["light"] } })).data, { ...item, tags: ["light"] });
  equal((await replaceItem({ path, body: { name: "chair", price: 5.5 } })).data, { ...item, name: "chair", price: 5.5 });

  const found = await listItems({ query: { q: "CHAIR", max_price: 100, sort: "-price", limit: 5 } });
  equal([found.data!.total, found.data!.items.map((one) => one.name)], [1, ["chair"]]);
  equal((await listItems({ query: { tag: ["light", "heavy"] } })).data!.total, 0); // repeated keys

  const invalid = await createItem({ body: { name: "", price: -1, tags: ["x".repeat(31)] } });
  const problem: Problem = invalid.error!;
  equal([invalid.response?.status, problem.status, problem.title], [422, 422, "Unprocessable Content"]);
  equal(problem.errors!.map((error) => [error.in, error.pointer]), [["body", "/name"], ["body", "/price"], ["body", "/tags/0"]]);
  ok(problem.errors!.every((error) => error.message.length > 0));
  const query = await listItems({ query: { limit: 1000 } });
  equal(query.error!.errors!.map((error) => [error.in, error.name]), [["query", "limit"]]);
  equal((await createItem({ body: { name: "chair", price: 1 } })).error!.status, 409);

  equal((await deleteItem({ path })).response?.status, 204);
  equal((await readItem({ path })).error!.status, 404);
}

export function mistakes(): unknown[] {
  return [
    // @ts-expect-error the price is missing
    createItem({ body: { name: "lamp" } }),
    // @ts-expect-error a price is a number
    createItem({ body: { name: "lamp", price: "30" } }),
    // @ts-expect-error there is no such order
    listItems({ query: { sort: "size" } }),
    // @ts-expect-error an id is a number
    readItem({ path: { item_id: "1" } }),
    // @ts-expect-error the path needs an id
    readItem({}),
  ];
}

void main();
