// Members in groups, and always at hand: the oldest member of the largest group. Every step takes constant time.
//
// The members themselves are the links of the lists. A Set or a Map would not do: its first member is found by a walk
// over all the places of those that have left it, which took 0.1 ms at 20,000 members.

export interface Linked<Member> {
  /** Members with the same key are one group. */
  readonly key: number;
  /** The neighbours in a list: null at its ends, undefined for a member of no list. */
  older: Member | null | undefined;
  newer: Member | null | undefined;
}

class List<Member extends Linked<Member>> {
  first: Member | null = null;
  last: Member | null = null;

  append(member: Member): void {
    member.older = this.last;
    member.newer = null;
    if (this.last) this.last.newer = member;
    else this.first = member;
    this.last = member;
  }

  remove(member: Member): void {
    const { older, newer } = member;
    if (older) older.newer = newer;
    else this.first = newer ?? null;
    if (newer) newer.older = older;
    else this.last = older ?? null;
    member.older = undefined;
    member.newer = undefined;
  }
}

/** In order of arrival. Groups of the same size are a list too. */
class Group<Member extends Linked<Member>> extends List<Member> {
  size = 0;
  previous: Group<Member> | undefined;
  next: Group<Member> | undefined;
}

export class HeaviestFirst<Member extends Linked<Member>> {
  // A group of one is the member itself: where every member has a key of its own, a member costs one entry here.
  readonly #groups = new Map<number, Member | Group<Member>>();
  /** The groups of one, in the order in which they came to be of one. */
  readonly #singles = new List<Member>();
  /** By size, from 2 on: the first group of the list. */
  readonly #lists: (Group<Member> | undefined)[] = [];
  #largest = 1;

  add(member: Member): void {
    let group = this.#groups.get(member.key);
    if (group === undefined) {
      this.#groups.set(member.key, member);
      this.#singles.append(member);
      return;
    }
    if (group instanceof Group) {
      this.#unlink(group);
    } else {
      this.#singles.remove(group);
      const two = new Group<Member>();
      two.append(group);
      two.size = 1;
      this.#groups.set(member.key, two);
      group = two;
    }
    group.append(member);
    group.size++;
    this.#link(group);
  }

  /** @returns whether it was here */
  delete(member: Member): boolean {
    if (member.older === undefined) return false;
    const group = this.#groups.get(member.key);
    if (!(group instanceof Group)) {
      this.#singles.remove(member);
      return this.#groups.delete(member.key);
    }
    this.#unlink(group);
    group.remove(member);
    if (--group.size > 1) {
      this.#link(group);
    } else {
      const { first } = group;
      this.#groups.set(member.key, first as Member);
      this.#singles.append(first as Member);
    }
    return true;
  }

  /** The size of the largest group; 0 where there is none. */
  get largest(): number {
    if (this.#groups.size === 0) return 0;
    while (this.#largest > 1 && !this.#lists[this.#largest]) this.#largest--;
    return this.#largest;
  }

  /**
   * The oldest member of the largest group: of any of them, where several are equally large; of groups of one, the
   * one that has been a group of one for longest.
   */
  get next(): Member | undefined {
    return (this.#lists[this.largest] ?? this.#singles).first ?? undefined;
  }

  all(): Member[] {
    const all: Member[] = [];
    for (const group of this.#groups.values()) {
      if (!(group instanceof Group)) all.push(group);
      else for (let member = group.first; member; member = member.newer ?? null) all.push(member);
    }
    return all;
  }

  #link(group: Group<Member>): void {
    const { size } = group;
    const first = this.#lists[size];
    group.previous = undefined;
    group.next = first;
    if (first) first.previous = group;
    this.#lists[size] = group;
    if (size > this.#largest) this.#largest = size;
  }

  #unlink({ previous, next, size }: Group<Member>): void {
    if (previous) previous.next = next;
    else this.#lists[size] = next;
    if (next) next.previous = previous;
  }
}
