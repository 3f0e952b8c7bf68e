using System.CommandLine;
using System.CommandLine.Parsing;

namespace OvirtSpm.Node.Cli;

/// <summary>The program <c>spm</c>: one verb tree, three exit codes.</summary>
/// <remarks>0 done · 1 refused or failed, the reason on stderr · 2 wrong usage. stdout carries only what was asked for.</remarks>
public static class SpmCommand
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        var root = new RootCommand("A storage pool manager for virtual machines on shared block storage.")
        {
            DomainVerbs.Create(),
            VolumeVerbs.Create(),
            ImageVerbs.Create(),
            MetadataVerbs.Create(),
            LeaseVerbs.Create(),
            JournalVerbs.Create(),
            TaskVerbs.Create(),
            NodeCommands.CreateNode(),
            NodeCommands.CreateStatus(),
            HostCommands.Create(),
            GuestVerbs.Create(),
            DemoVerb.Create(),
            BenchVerbs.Create(),
        };
        var parsed = root.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync($"spm: {error.Message}");
            }
            var verb = parsed.CommandResult.Command.Name;
            for (var above = parsed.CommandResult.Parent; above is CommandResult { Command: var command }; above = above.Parent)
            {
                verb = $"{command.Name} {verb}";
            }
            await Console.Error.WriteLineAsync($"Try: {verb} --help");
            return 2;
        }
        return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromMinutes(2) });
    }

    /// <summary>Runs a verb; a refusal becomes one clear line and exit code 1.</summary>
    public static async Task<int> GuardAsync(Func<Task<int>> verb)
    {
        try
        {
            return await verb();
        }
        catch (Refusal refusal)
        {
            await Console.Error.WriteLineAsync($"spm: {refusal.Message}");
            return refusal.Code == RefusalCode.Invalid ? 2 : 1;
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("spm: stopped.");
            return 1;
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"spm: {failed.Message}");
            return 1;
        }
        catch (Exception broken) when (Environment.GetEnvironmentVariable("SPM_TRACE") is null)
        {
            // A broken invariant ends the verb here and now; a person gets a sentence, a developer the trace when asked for.
            await Console.Error.WriteLineAsync(
                $"spm: a defect in this program stopped it: {broken.GetType().Name}: {broken.Message} Nothing more is written. Run it again with SPM_TRACE=1 and report what it prints.");
            return 1;
        }
    }
}
