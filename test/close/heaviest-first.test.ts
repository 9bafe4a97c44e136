// The oldest member of the largest group, beside a naive implementation that looks at all members each time.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HeaviestFirst, type Linked } from '../../src/close/heaviest-first.ts';

interface Member extends Linked<Member> {
  readonly id: number;
}

const newMember = (id: number, key: number): Member => ({ id, key, older: undefined, newer: undefined });

class Naive {
  members: Member[] = [];
  /** The keys with one member, in the order in which they came to have one. */
  #singles: number[] = [];

  #note(key: number): void {
    this.#singles = this.#singles.filter((other) => other !== key);
    if (this.sizeOf(key) === 1) this.#singles.push(key);
  }

  add(member: Member): void {
    this.members.push(member);
    this.#note(member.key);
  }

  delete(member: Member): void {
    this.members = this.members.filter((other) => other !== member);
    this.#note(member.key);
  }

  sizeOf(key: number): number {
    return this.members.filter((member) => member.key === key).length;
  }

  get largest(): number {
    return Math.max(0, ...this.members.map(({ key }) => this.sizeOf(key)));
  }

  /** The oldest of each of the largest groups: any of them is right. Of groups of one, only the first is. */
  get candidates(): Member[] {
    const { largest } = this;
    const oldest = this.members.filter(
      (member) => this.sizeOf(member.key) === largest && this.members.find(({ key }) => key === member.key) === member,
    );
    return largest === 1 ? oldest.filter(({ key }) => key === this.#singles[0]) : oldest;
  }
}

const STEP = fc.oneof(
  { weight: 3, arbitrary: fc.record({ add: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ remove: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ evict: true }) },
);

describe('HeaviestFirst', () => {
  test('does as a naive implementation', () => {
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 100 }), (steps) => {
        const heaviest = new HeaviestFirst<Member>();
        const naive = new Naive();
        for (const [id, step] of steps.entries()) {
          if ('add' in step) {
            const member = newMember(id, step.add);
            heaviest.add(member);
            naive.add(member);
          } else {
            const { next } = heaviest;
            const gone = 'evict' in step ? next : naive.members[step.remove % naive.members.length];
            if (gone) {
              expect(heaviest.delete(gone)).toBe(true);
              expect(heaviest.delete(gone)).toBe(false);
              naive.delete(gone);
            }
          }
          const { candidates } = naive;
          expect(heaviest.largest).toBe(naive.largest);
          if (candidates.length === 0) expect(heaviest.next).toBeUndefined();
          else expect(candidates).toContain(heaviest.next);
          expect(new Set(heaviest.all())).toEqual(new Set(naive.members));
          expect(heaviest.all()).toHaveLength(naive.members.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('one who has most loses the oldest, and again, until another one has most', () => {
    const heaviest = new HeaviestFirst<Member>();
    const members = [1, 2, 1, 2, 1, 3].map((key, id) => newMember(id, key));
    for (const member of members) heaviest.add(member);
    const gone: number[] = [];
    for (let { next } = heaviest; next; { next } = heaviest) {
      gone.push(next.id);
      heaviest.delete(next);
    }
    expect(gone[0]).toBe(0);
    expect([1, 2]).toContain(gone[1]);
    expect(gone.toSorted()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('a member that is not there is not deleted, though another one has its key', () => {
    const heaviest = new HeaviestFirst<Member>();
    heaviest.add(newMember(1, 7));
    expect(heaviest.delete(newMember(2, 7))).toBe(false);
    heaviest.add(newMember(3, 7));
    expect(heaviest.delete(newMember(2, 7))).toBe(false);
    expect(heaviest.largest).toBe(2);
  });
});
