PRAGMA application_id=1313426241;
PRAGMA user_version=2;
BEGIN TRANSACTION;
CREATE TABLE events (
  id INTEGER PRIMARY KEY,
  events TEXT NOT NULL,
  blob TEXT
);
INSERT INTO "events" VALUES(4294967299,'[[1,1795669873375908,"run.started",null,{"workflow":"w","tasks":4}],[2,1795669873375908,"task.ready","one",{}],[3,1795669873375908,"task.started","one",{"keyword":"shell","epoch":1,"attempt":1,"definition":"ecd520b53dbc1fe70b78f9786682f6d0","payload":"decd10c53d53e1bf1acc284a5be6835e"}]]',NULL);
INSERT INTO "events" VALUES(4294967302,'[[4,1795669873481421,"task.succeeded","one",{"attempts":1,"durationMs":105.223,"output":"1"}],[5,1795669873481421,"task.ready","asked",{}],[6,1795669873481421,"task.started","asked",{"keyword":"llm","epoch":1,"attempt":1,"definition":"6646b145f60bd54f2512317d42dbb5b4","payload":"7654a1f419c81640f728e0b8d9475f4e"}]]',NULL);
INSERT INTO "events" VALUES(4294967306,'[[7,1795669873615081,"model.called","asked",{"model":"mock","usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false},"stopReason":"end"}],[8,1795669873615464,"task.succeeded","asked",{"attempts":1,"durationMs":132.04,"output":"mock: say 1","usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false}}],[9,1795669873615464,"task.ready","stop",{}],[10,1795669873615464,"task.started","stop",{"keyword":"shell","epoch":1,"attempt":1,"definition":"905cdc1ecacef98dd9fbb386728ebe0c","payload":"f842e8d849d6028c68799863a411cf4a"}]]',NULL);
INSERT INTO "events" VALUES(4294967309,'[[11,1795669873620624,"task.failed","stop",{"attempts":1,"durationMs":4.905,"output":"mock: say 1","error":{"code":"NIKA-080","category":"execution","message":"the command failed with exit code 1: mock: say 1"}}],[12,1795669873620624,"task.skipped","last",{"keyword":"shell","reason":"upstreamFailed"}],[13,1795669873620624,"run.finished",null,{"status":"failed","usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false}}]]',NULL);
INSERT INTO "events" VALUES(8589934595,'[[1,1795669875279585,"run.started",null,{"workflow":"w","tasks":4}],[2,1795669875279585,"task.ready","one",{}],[3,1795669875279585,"task.started","one",{"keyword":"shell","epoch":1,"attempt":1,"definition":"ecd520b53dbc1fe70b78f9786682f6d0","payload":"decd10c53d53e1bf1acc284a5be6835e"}]]',NULL);
INSERT INTO "events" VALUES(8589934598,'[[4,1795669875323346,"task.succeeded","one",{"attempts":1,"durationMs":43.518,"output":"1"}],[5,1795669875323346,"task.ready","asked",{}],[6,1795669875323346,"task.started","asked",{"keyword":"llm","epoch":1,"attempt":1,"definition":"6646b145f60bd54f2512317d42dbb5b4","payload":"7654a1f419c81640f728e0b8d9475f4e"}]]',NULL);
INSERT INTO "events" VALUES(8589934602,'[[7,1795669875332992,"model.called","asked",{"model":"mock","usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false},"stopReason":"end"}],[8,1795669875333305,"task.succeeded","asked",{"attempts":1,"durationMs":9.026,"output":"mock: say 1","usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false}}],[9,1795669875333305,"task.ready","stop",{}],[10,1795669875333305,"task.started","stop",{"keyword":"shell","epoch":1,"attempt":1,"definition":"905cdc1ecacef98dd9fbb386728ebe0c","payload":"f842e8d849d6028c68799863a411cf4a"}]]',NULL);
INSERT INTO "events" VALUES(8589934605,'[[11,1795669875361049,"task.succeeded","stop",{"attempts":1,"durationMs":27.485,"output":"mock: say 1"}],[12,1795669875361049,"task.ready","last",{}],[13,1795669875361049,"task.started","last",{"keyword":"shell","epoch":1,"attempt":1,"definition":"13555a30e3c97bc7a7375467923749b0","payload":"c7cc15f14e5e9eba48d2906ba7b4f1e8"}]]',NULL);
INSERT INTO "events" VALUES(8589934607,'[[14,1795669875366576,"task.succeeded","last",{"attempts":1,"durationMs":5.332,"output":"mock: say 1"}],[15,1795669875366576,"run.finished",null,{"status":"succeeded","usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false}}]]',NULL);
CREATE TABLE memo (
  run INTEGER NOT NULL,
  key TEXT NOT NULL,
  call TEXT NOT NULL,
  value TEXT,
  blob TEXT,
  PRIMARY KEY (run, key, call)
) WITHOUT ROWID;
INSERT INTO "memo" VALUES(1,'20261126-051113-efb5b5/asked#1','model:23d6588df78ebfbdbd0a77cf644fdc8e:1','{"text":"mock: say 1","toolCalls":[],"stopReason":"end","usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false},"model":"mock"}',NULL);
INSERT INTO "memo" VALUES(2,'20261126-051115-e83558/asked#1','model:23d6588df78ebfbdbd0a77cf644fdc8e:1','{"text":"mock: say 1","toolCalls":[],"stopReason":"end","usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false},"model":"mock"}',NULL);
CREATE TABLE runs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  workflow TEXT NOT NULL,
  started REAL NOT NULL,
  ended REAL,
  status TEXT NOT NULL,
  info TEXT NOT NULL,
  document_hash TEXT NOT NULL,
  document TEXT,
  blob TEXT,
  summary TEXT NOT NULL DEFAULT '{}'
);
INSERT INTO "runs" VALUES(1,'20261126-051113-efb5b5','w',1.79566987334920740134e+09,1.79566987362062478066e+09,'failed','{"workflow":"w","path":"FOLDER/w.nika.yaml","inputs":{},"options":{"provider":null,"model":null,"maxConcurrent":null,"timeout":null,"failFast":false,"mock":false,"economy":false,"withheld":[]}}','c969cef74b69b03ae9d4d2fe99cff135c72f62f17844d31a1336bdcc7330be0c','"agent: {model: mock, provider: mock}\ntasks:\n  - {id: one, shell: \"echo 1\"}\n  - {id: asked, llm: \"say {{one}}\"}\n  - {id: stop, shell: \"echo {{asked}}; [ -e go ]\"}\n  - {id: last, shell: \"echo {{stop}}\"}\n"',NULL,'{"usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false},"durationMs":245}');
INSERT INTO "runs" VALUES(2,'20261126-051115-e83558','w',1.79566987527110171318e+09,1.79566987536657595627e+09,'succeeded','{"workflow":"w","path":"FOLDER/w.nika.yaml","inputs":{},"options":{"provider":null,"model":null,"maxConcurrent":null,"timeout":null,"failFast":false,"mock":false,"economy":false,"withheld":[]}}','c969cef74b69b03ae9d4d2fe99cff135c72f62f17844d31a1336bdcc7330be0c','"agent: {model: mock, provider: mock}\ntasks:\n  - {id: one, shell: \"echo 1\"}\n  - {id: asked, llm: \"say {{one}}\"}\n  - {id: stop, shell: \"echo {{asked}}; [ -e go ]\"}\n  - {id: last, shell: \"echo {{stop}}\"}\n"',NULL,'{"usage":{"inputTokens":6,"outputTokens":3,"costUsd":"0","unpriced":[],"cachedTokens":0,"calls":1,"estimated":false},"durationMs":87}');
CREATE INDEX memo_blob ON memo (blob) WHERE blob IS NOT NULL;
CREATE INDEX events_blob ON events (blob) WHERE blob IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',2);
COMMIT;
