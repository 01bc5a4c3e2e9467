// hls.js set up for low latency, and for an origin that may go away.

// Parts come every 0.2 to 0.5 s and a blocked playlist request answers within 9 s, so 10 s without a byte is a dead origin.
const retry = (count) => ({ maxNumRetry: count, retryDelayMs: 300, maxRetryDelayMs: 2000, backoff: "exponential" });
const loadPolicy = (count) => ({
  default: { maxTimeToFirstByteMs: 10_000, maxLoadTimeMs: 20_000, timeoutRetry: retry(count), errorRetry: retry(count) },
});

export const HLS_CONFIG = {
  lowLatencyMode: true,
  // fMP4 passes through as it is: a worker would only add a thread, a copy, and a blob: exception to the page's CSP.
  enableWorker: false,
  // No text track of EXT-X-DATERANGE: the page asks for the state itself.
  enableDateRangeMetadataCues: false,
  backBufferLength: 20,
  maxBufferLength: 12,
  // `steer` sets the rate: hls.js waits for a whole second of buffer first, which is more than the hold-back of 0.2 s parts.
  maxLiveSyncPlaybackRate: 1,
  liveSyncOnStallIncrease: 0,
  manifestLoadPolicy: loadPolicy(0),
  playlistLoadPolicy: loadPolicy(4),
  fragLoadPolicy: loadPolicy(4),
  abrEwmaDefaultEstimate: 5_000_000,
  testBandwidth: false,
};
