#!/usr/bin/env node
// Keeps HAProxy's map of slots true to the ring; under this name wherever the program itself lies.

import '../dist/src/programs/slots/main.js'
