import type { Outcome } from '../engine/linger-loop.ts';

/** How a server was closed. The figures count connections that were open at the call, and those accepted after it. */
export interface ServerCloseReport {
  /** Connections that had nothing to do when listening stopped, and were closed: FIN, and a linger. */
  idle: number;
  /**
   * Connections that ended by themselves: with the response in flight, by the application, or by the peer; and all
   * HTTP/2 sessions that were not cut off.
   */
  finished: number;
  /**
   * Connections that were cut off, at `timeout` or by `signal`; that ended with a request of the client unanswered; or
   * that nothing had accepted when listening stopped (known for TCP on Linux).
   */
  cut: number;
  /** How the lingers ended that were over between the call and the report. They may have begun before the call. */
  outcomes: Record<Outcome, number>;
  /** Milliseconds from the call to the report. */
  duration: number;
  /** Whether `signal`, or the signal of another call, cut the shutdown short. */
  aborted: boolean;
}
