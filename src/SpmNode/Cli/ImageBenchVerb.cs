using System.CommandLine;
using OvirtSpm.Node.Bench;
using OvirtSpm.Volumes.Qcow2;

namespace OvirtSpm.Node.Cli;

/// <summary><c>spm bench image</c>.</summary>
static class ImageBenchVerb
{
    public static Command Create()
    {
        var files = new Argument<string[]>("file") { Description = "qcow2 images; without any, one of 1 TiB with preallocated metadata is made", Arity = ArgumentArity.ZeroOrMore };
        var json = CommonOptions.Json();
        var command = new Command("image", "The end of an image: three reads of ours beside qemu-img check.") { files, json };
        command.SetAction((parsed, stop) => SpmCommand.GuardAsync(async () =>
        {
            var directory = Directory.CreateTempSubdirectory("spm-bench-").FullName;
            try
            {
                var results = new List<ImageBenchResult>();
                foreach (var path in parsed.GetValue(files) is { Length: > 0 } named ? named : [await ImageBench.CreateAsync(directory, stop)])
                {
                    results.Add(await MeasureAsync(path, stop));
                }
                if (parsed.GetValue(json))
                {
                    Output.WriteJson(results);
                }
                else
                {
                    results.ForEach(result => BenchVerbs.Print(result, asJson: false));
                }
                return results.All(result => result.SameEnd) ? 0 : 1;
            }
            finally
            {
                Directory.Delete(directory, recursive: true);
            }
        }));
        return command;
    }

    static async Task<ImageBenchResult> MeasureAsync(string path, CancellationToken stop)
    {
        try
        {
            return await ImageBench.RunAsync(path, stop);
        }
        catch (Qcow2Refused refused)
        {
            throw Refusal.Damaged($"{path}: {refused.Message}.");
        }
    }
}
