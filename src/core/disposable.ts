// `Disposable` for declarations that every TypeScript from 5.0 on can read.

type DisposeKey = SymbolConstructor extends { readonly dispose: infer Key extends symbol } ? Key : never;

/**
 * What `using` takes: it has `[Symbol.dispose]()`. An application whose TypeScript does not know that symbol yet (older
 * than 5.2, or without `esnext.disposable` in its `lib` and without the types of Node.js that declare it) sees nothing
 * of it, and no error, as the global name `Disposable` would be there.
 */
export type DisposableLike = { [key in DisposeKey]: () => void };
