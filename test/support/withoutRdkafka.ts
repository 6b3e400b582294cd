import { register } from 'node:module';

// Loaded with --import: the package node-rdkafka is not to be found, as where it could not be compiled.

const hooks = `export async function resolve(specifier, context, next) {
  if (specifier !== 'node-rdkafka') return next(specifier, context);
  throw Object.assign(new Error("Cannot find package 'node-rdkafka'"), { code: 'ERR_MODULE_NOT_FOUND' });
}`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
