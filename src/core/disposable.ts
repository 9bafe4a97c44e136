// `Disposable` for declarations that every TypeScript from 5.0 on can read.

type DisposeKey = SymbolConstructor extends { readonly dispose: infer Key extends symbol } ? Key : never;

/**
 * What `using` takes: an object with `[Symbol.dispose]()`.
 *
 * The global name `Disposable` would be an error in an application whose compiler does not know it: TypeScript before
 * 5.2, or a `lib` without `esnext.disposable` together with older types of Node.js. There this type has no property.
 */
export type DisposableLike = { [key in DisposeKey]: () => void };
