using OvirtSpm.Simulation.Campaigns;
using Xunit.Runner.InProc.SystemConsole;

// The simulation is the program of its own tests: `simulate` searches seeds, anything else runs the tests.
return args is ["simulate", .. var rest] ? SimulateCommand.Run(rest) : await ConsoleRunner.Run(args);
