import { describeHistories } from '../support/histories.js';

// The other half, in a worker of its own.
describeHistories(1);
