using OvirtSpm.SanlockInterop;
using Xunit.Runner.InProc.SystemConsole;

// Takeovers take 8 T + W, more than a minute each, and no CPU: all at once.
[assembly: CollectionBehavior(MaxParallelThreads = -1)]

return args is [HoldingHost.Verb, .. var places] ? await HoldingHost.RunAsync(places) : await ConsoleRunner.Run(args);
