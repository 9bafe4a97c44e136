import type { Outcome } from '../engine/linger-loop.ts';

/** How a server was closed. Its connections are those that were open at the call, and those that came while it went on listening. */
export interface ServerCloseReport {
  /** Closed because they had nothing to do: FIN, and a linger. */
  idle: number;
  /** Ended by themselves: with the response that was in flight, by their application, or by the peer. */
  finished: number;
  /** Cut off, at `timeout` or by `signal`. */
  cut: number;
  /** How the lingers have ended that were over between the call and the report, including those under way before. */
  outcomes: Record<Outcome, number>;
  /** Milliseconds. */
  duration: number;
  /** Whether `signal`, or that of another call, cut it short. */
  aborted: boolean;
}
