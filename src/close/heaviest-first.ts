// Members in groups, and always at hand: the oldest member of the largest group. Every step takes constant time.

export interface Keyed {
  /** Members with the same key are one group. */
  readonly key: number;
}

/** Groups of the same size are a doubly linked list. */
class Group<Member> {
  /** In order of arrival. */
  readonly members = new Set<Member>();
  previous: Group<Member> | undefined;
  next: Group<Member> | undefined;
}

export class HeaviestFirst<Member extends Keyed> {
  // A group of one is the member itself: where every member has a key of its own, a member costs one entry here.
  readonly #groups = new Map<number, Member | Group<Member>>();
  /** By size: the first group of the list. Only sizes from 2 on. */
  readonly #lists: (Group<Member> | undefined)[] = [];
  #largest = 1;

  add(member: Member): void {
    const group = this.#groups.get(member.key);
    if (group === undefined) {
      this.#groups.set(member.key, member);
    } else if (group instanceof Group) {
      this.#unlink(group);
      group.members.add(member);
      this.#link(group);
    } else {
      const two = new Group<Member>();
      two.members.add(group).add(member);
      this.#groups.set(member.key, two);
      this.#link(two);
    }
  }

  /** @returns whether it was here */
  delete(member: Member): boolean {
    const group = this.#groups.get(member.key);
    if (!(group instanceof Group)) return group === member && this.#groups.delete(member.key);
    if (!group.members.has(member)) return false;
    this.#unlink(group);
    group.members.delete(member);
    const [first] = group.members;
    if (group.members.size > 1) {
      this.#link(group);
    } else {
      // To the end: an address that always has one or two would else be the first for ever.
      this.#groups.delete(member.key);
      this.#groups.set(member.key, first as Member);
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
    const group = this.#lists[this.largest];
    const [first] = group ? group.members : (this.#groups.values() as Iterable<Member>);
    return first;
  }

  all(): Member[] {
    return [...this.#groups.values()].flatMap((group) => (group instanceof Group ? [...group.members] : [group]));
  }

  #link(group: Group<Member>): void {
    const { size } = group.members;
    const first = this.#lists[size];
    group.previous = undefined;
    group.next = first;
    if (first) first.previous = group;
    this.#lists[size] = group;
    if (size > this.#largest) this.#largest = size;
  }

  #unlink({ previous, next, members: { size } }: Group<Member>): void {
    if (previous) previous.next = next;
    else this.#lists[size] = next;
    if (next) next.previous = previous;
  }
}
