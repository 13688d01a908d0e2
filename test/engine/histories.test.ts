import { describeHistories } from '../support/histories.js';

describeHistories(0);
