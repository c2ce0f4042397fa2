// Funclet's runtime client for Node.js 18 and later: asks for events, calls the handler, answers and asks again
// in one write. Runs alone as `node PATH/nodejs.mjs HANDLER` with AWS's environment variables. Errors, context
// and log lines are those of Lambda's Node.js runtimes.

import { existsSync, readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { Socket, connect } from "node:net";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { format, types } from "node:util";

const MESSAGE_LIMIT = 256 * 1024;
const env = process.env;

// --- errors -------------------------------------------------------------------------------------------------

/** An error that the runtime, not the function, tells; its name is one of Lambda's. */
class RuntimeFault extends Error {
  constructor(kind, message) {
    super(message);
    this.name = `Runtime.${kind}`;
  }
}

const capped = (text) => (text.length <= MESSAGE_LIMIT ? text : `${text.slice(0, MESSAGE_LIMIT)}... [truncated]`);

const looksLikeError = (value) =>
  types.isNativeError(value) ||
  (typeof value?.name === "string" && typeof value.message === "string" && typeof value.stack === "string");

/** A stack's lines, without this file's. */
const stackOf = (error) => capped(error.stack).split("\n").filter((line) => !line.includes(import.meta.url));

/** Lambda's error payload. */
function describe(error) {
  try {
    if (looksLikeError(error)) {
      return { errorType: error.name, errorMessage: capped(error.message), trace: stackOf(error) };
    }
    return { errorType: typeof error, errorMessage: capped(String(error)), trace: [] };
  } catch {
    return {
      errorType: "handled",
      errorMessage:
        "callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack",
    };
  }
}

/** What the log says of an error: its own properties too. */
function forLog(error) {
  try {
    const { errorType, errorMessage, trace } = describe(error);
    const own = error !== null && typeof error === "object" ? error : {};
    return JSON.stringify({ errorType, errorMessage, code: own.code, ...own, stack: trace });
  } catch {
    return JSON.stringify(describe(error));
  }
}

// --- the log ------------------------------------------------------------------------------------------------

let requestId;
const LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const jsonLog = env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === "JSON";

/** Write to standard output before going on, so that a line stands before the end of its invocation. */
function print(text) {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== "EAGAIN") return; // the function closed it
    }
  }
}

function textLine(level, values) {
  return `${new Date().toISOString()}\t${requestId}\t${level}\t${format(...values)}`;
}

function jsonLine(level, values) {
  const told = { timestamp: new Date().toISOString(), level, requestId };
  const error = values.find((value) => types.isNativeError(value));
  if (error !== undefined) {
    const { errorType, errorMessage, trace } = describe(error);
    Object.assign(told, { errorType, errorMessage, stackTrace: trace });
  }
  try {
    return JSON.stringify({ ...told, message: values.length === 1 && !error ? values[0] : format(...values) });
  } catch {
    return JSON.stringify({ ...told, message: format(...values) });
  }
}

function patchConsole() {
  const least = Math.max(0, LEVELS.indexOf(env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
  const line = jsonLog ? jsonLine : textLine;
  LEVELS.forEach((level, rank) => {
    console[level.toLowerCase()] = rank < least ? () => {} : (...values) => print(`${line(level, values)}\n`);
  });
  console.log = console.info;
}

function logError(title, error) {
  if (jsonLog) console.error(types.isNativeError(error) ? error : new Error(error));
  else console.error(`${title}\t${forLog(error)}`);
}

// --- the Runtime API ----------------------------------------------------------------------------------------

/** The connection that Funclet's supervisor has made beforehand, if it did and the descriptor is still it. */
function inherited() {
  const descriptor = env.FUNCLET_RUNTIME_API_FD;
  delete env.FUNCLET_RUNTIME_API_FD;
  if (descriptor === undefined) return undefined;
  try {
    return new Socket({ fd: Number(descriptor), readable: true, writable: true });
  } catch {
    return undefined;
  }
}

function dial(address) {
  const [host, port] = address.split(":");
  return connect({ host, port: Number(port), noDelay: true });
}

/** One kept-alive connection. */
class RuntimeApi {
  #address = env.AWS_LAMBDA_RUNTIME_API;
  #socket;
  #rest = Buffer.alloc(0);
  #wanted = [];
  #next;

  constructor() {
    this.#socket = inherited() ?? dial(this.#address);
    this.#socket.on("data", (piece) => this.#take(piece));
    this.#socket.on("error", (error) => this.#lost(error.message));
    this.#socket.on("close", () => this.#lost("the Runtime API closed the connection"));
    this.#next = `GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: ${this.#address}\r\n\r\n`;
  }

  /** Ask for the first event. */
  first(received) {
    this.#wanted.push(received);
    this.#socket.write(this.#next);
  }

  /** Answer, and ask for the next event in the same write. */
  answer(id, verb, body, received) {
    this.#socket.ref();
    this.#wanted.push(({ status }) => {
      if (status !== 202 && status !== 413) this.#lost(`the Runtime API answered ${status} to ${verb}`);
    }, received);
    this.#socket.write(Buffer.concat([this.#post(`invocation/${id}/${verb}`, body), Buffer.from(this.#next)]));
  }

  /** Answer with an error and go no further. */
  fail(route, error, done) {
    this.#socket.ref();
    this.#wanted.push(done);
    const payload = describe(error);
    this.#socket.write(
      this.#post(route, JSON.stringify(payload), `Lambda-Runtime-Function-Error-Type: ${ascii(payload.errorType)}\r\n`),
    );
  }

  /** Let the process's loop run empty while the handler works. */
  rest() {
    this.#socket.unref();
  }

  #post(route, body, headers = "") {
    const bytes = Buffer.from(body);
    return Buffer.concat([
      Buffer.from(
        `POST /2018-06-01/runtime/${route} HTTP/1.1\r\nHost: ${this.#address}\r\n` +
          `Content-Type: application/json\r\n${headers}Content-Length: ${bytes.length}\r\n\r\n`,
      ),
      bytes,
    ]);
  }

  #take(piece) {
    this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    let message;
    while (this.#wanted.length > 0 && (message = this.#message()) !== undefined) this.#wanted.shift()(message);
  }

  #message() {
    const end = this.#rest.indexOf("\r\n\r\n");
    if (end < 0) return undefined;
    const [first, ...lines] = this.#rest.latin1Slice(0, end).split("\r\n");
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(": ");
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 2);
    }
    const whole = end + 4 + Number(headers["content-length"] ?? 0);
    if (this.#rest.length < whole) return undefined;
    const body = this.#rest.subarray(end + 4, whole);
    this.#rest = this.#rest.subarray(whole);
    return { status: Number(first.slice(9, 12)), headers, body };
  }

  #lost(reason) {
    process.stderr.write(`funclet: ${reason}\n`);
    process.exit(1);
  }
}

const ascii = (text) => text.replace(/[^\x21-\x7e]/g, "?").slice(0, 256);
const utf8 = (header) => Buffer.from(header, "latin1").toString();

// --- the handler --------------------------------------------------------------------------------------------

/** Whether the nearest package.json says that .js files are ES modules. */
function isModuleFolder(folder) {
  if (folder.endsWith("/node_modules")) return false;
  const file = path.join(folder, "package.json");
  if (existsSync(file)) {
    try {
      return JSON.parse(readFileSync(file, "utf8"))?.type === "module";
    } catch {
      return false;
    }
  }
  return folder !== "/" && isModuleFolder(path.dirname(folder));
}

async function importModule(root, folder, name) {
  const base = path.resolve(root, folder, name);
  const require = createRequire(path.join(root, "/"));
  const esm = isModuleFolder(path.dirname(base));
  const ways = [
    ["", require],
    [".js", esm ? (file) => import(pathToFileURL(file)) : require],
    [".mjs", (file) => import(pathToFileURL(file))],
    [".cjs", require],
  ];
  for (const [extension, load] of ways) {
    const file = base + extension;
    if (existsSync(file) && (extension !== "" || !existsSync(path.join(file, "/")))) return await load(file);
  }
  return require(require.resolve(name, { paths: [root, path.resolve(root, folder)] }));
}

/** Import the handler `module.function`, the module perhaps with a path. */
async function loadHandler(root, handler) {
  if (handler.includes("..")) {
    throw new RuntimeFault(
      "MalformedHandlerName",
      `'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const [, folder, name, members] = /^(.*\/)?([^./]*)\.([^/]*)$/s.exec(handler) ?? [];
  if (name === undefined) throw new RuntimeFault("MalformedHandlerName", "Bad handler");
  let found;
  try {
    found = await importModule(root, folder ?? "", name);
  } catch (error) {
    if (error instanceof SyntaxError) throw new RuntimeFault("UserCodeSyntaxError", String(error));
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw new RuntimeFault("ImportModuleError", String(error));
    }
    throw error;
  }
  for (const member of members.split(".")) found = found?.[member];
  if (!found) throw new RuntimeFault("HandlerNotFound", `${handler} is undefined or not exported`);
  if (typeof found !== "function") throw new RuntimeFault("HandlerNotFound", `${handler} is not a function`);
  return found;
}

// --- one invocation -----------------------------------------------------------------------------------------

function contextOf(headers, callbacks) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const parsed = (name) => (headers[name] ? JSON.parse(utf8(headers[name])) : undefined);
  let waits = true;
  return {
    get callbackWaitsForEmptyEventLoop() {
      return waits;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits = value;
    },
    ...callbacks,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed("lambda-runtime-client-context"),
    identity: parsed("lambda-runtime-cognito-identity"),
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

/** Runs events one after the other; each is answered once, by whatever comes first. */
class Loop {
  #api;
  #handler;
  #answered = true;
  #whenIdle;

  constructor(api, handler) {
    this.#api = api;
    this.#handler = handler;
    process.on("beforeExit", () => this.#whenIdle?.());
    api.first((message) => this.#run(message));
  }

  /** Tell an error that nobody caught; the process ends with it. */
  crash(error, status) {
    if (this.#answered) process.exit(status);
    this.#answered = true;
    this.#api.fail(`invocation/${requestId}/error`, error, () => process.exit(status));
  }

  #run({ status, headers, body }) {
    if (status !== 200) {
      process.stderr.write(`funclet: the Runtime API answered ${status} to next\n`);
      process.exit(1);
    }
    requestId = headers["lambda-runtime-aws-request-id"];
    const trace = headers["lambda-runtime-trace-id"];
    if (trace) env._X_AMZN_TRACE_ID = trace;
    else delete env._X_AMZN_TRACE_ID;
    this.#answered = false;
    this.#whenIdle = () => this.#neverSettled();
    this.#api.rest();
    this.#call(headers, body);
  }

  #call(headers, body) {
    const done = (error, value) => (error === undefined || error === null ? this.#answer(value) : this.#fail(error));
    const succeed = (value) => done(null, value);
    const fail = (error) => this.#fail(error ?? "handled");
    try {
      const context = contextOf(headers, { succeed, fail, done });
      const callback = (error, value) => {
        if (error !== undefined && error !== null) this.#fail(error);
        else if (context.callbackWaitsForEmptyEventLoop) this.#whenIdle = () => this.#answer(value);
        else this.#answer(value);
      };
      const result = this.#handler(JSON.parse(body.toString()), context, callback);
      if (typeof result?.then === "function") result.then(succeed, fail);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The process has nothing left to do and the handler has not answered. */
  #neverSettled() {
    if (this.#handler.constructor?.name !== "AsyncFunction") {
      this.#answer(null);
      return;
    }
    this.#fail(
      new RuntimeFault(
        "NodeJsExit",
        "The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes",
      ),
    );
  }

  #answer(value) {
    let body;
    try {
      body = JSON.stringify(value === undefined ? null : value) ?? "null";
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#settle("response", body);
  }

  #fail(error) {
    if (this.#answered) return;
    logError("Invoke Error ", error);
    this.#settle("error", JSON.stringify(describe(error)));
  }

  #settle(verb, body) {
    if (this.#answered) return;
    this.#answered = true;
    this.#whenIdle = undefined;
    this.#api.answer(requestId, verb, body, (message) => this.#run(message));
  }
}

// --- the start ----------------------------------------------------------------------------------------------

patchConsole();
const api = new RuntimeApi();
let loop;
const crash = (error, status) => {
  if (loop) loop.crash(error, status);
  else api.fail("init/error", error, () => process.exit(status));
};
process.on("uncaughtException", (error) => {
  logError("Uncaught Exception ", error);
  crash(error, 129);
});
process.on("unhandledRejection", (reason) => {
  const error = new RuntimeFault("UnhandledPromiseRejection", capped(String(reason)));
  if (looksLikeError(reason)) error.reason = describe(reason);
  logError("Unhandled Promise Rejection ", error);
  crash(error, 128);
});
try {
  loop = new Loop(api, await loadHandler(env.LAMBDA_TASK_ROOT ?? process.cwd(), process.argv[2] ?? env._HANDLER ?? ""));
} catch (error) {
  logError("Uncaught Exception ", error);
  crash(error, 129);
}
