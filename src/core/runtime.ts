// What runs this, where it is not Node.js: Bun and Deno have modules by the names of Node's.

function find(): 'Bun' | 'Deno' | undefined {
  try {
    const { bun, deno } = process.versions as { bun?: string; deno?: string };
    return bun ? 'Bun' : deno ? 'Deno' : undefined;
  } catch {
    return undefined;
  }
}

export const runtime = find();
