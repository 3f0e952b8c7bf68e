using System.CommandLine;
using OvirtSpm.Node.Bench;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm bench …</c>: measured here and now, beside the peer in the same run.</summary>
static class BenchVerbs
{
    public static Command Create() => new("bench", "Measurements, beside stock tools in the same run") { Extend(), ImageBenchVerb.Create(), LeaseBenchVerb.Create() };

    static Command Extend()
    {
        var lvs = new Option<int>("--lvs") { Description = "logical volumes in the group", DefaultValueFactory = _ => 1000 };
        var requests = new Option<int>("--requests") { Description = "extends asked for by 64 requesters", DefaultValueFactory = _ => 2000 };
        var single = new Option<int>("--single") { Description = "extends asked for one after the other before that", DefaultValueFactory = _ => 300 };
        var guest = new Option<bool>("--guest") { Description = "extends driven by the write thresholds of a real QEMU instead" };
        var json = CommonOptions.Json();
        var command = new Command("extend", "Durable extends: how many a second, how long one takes.") { lvs, requests, single, guest, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var asJson = parsed.GetValue(json);
            void Progress(string line) => Console.Error.WriteLine(line);
            if (parsed.GetValue(guest))
            {
                Print(await GuestExtendBench.RunAsync(300, asJson ? _ => { } : Progress, stop), asJson);
                return 0;
            }
            var (volumes, count, singles) = (parsed.GetValue(lvs), parsed.GetValue(requests), parsed.GetValue(single));
            if (volumes is < 1 or > 20000 || count is < 1 or > 100000 || singles is < 1 or > 100000)
            {
                throw Refusal.Invalid("1 to 20000 logical volumes and 1 to 100000 requests can be measured.");
            }
            var directory = Directory.CreateTempSubdirectory("spm-bench-").FullName;
            try
            {
                Print(await ExtendBench.RunAsync(volumes, count, singles, directory, asJson ? _ => { } : Progress), asJson);
                return 0;
            }
            finally
            {
                Directory.Delete(directory, recursive: true);
            }
        }));
        return command;
    }

    public static void Print<T>(T result, bool asJson)
    {
        if (asJson)
        {
            Output.WriteJson(result);
            return;
        }
        foreach (var property in typeof(T).GetProperties())
        {
            Console.Out.WriteLine($"{property.Name,-26} {property.GetValue(result)}");
        }
    }
}
