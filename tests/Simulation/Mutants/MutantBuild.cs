using System.Text.Json;

namespace OvirtSpm.Simulation.Mutants;

/// <summary>Compiles one assembly with one file changed, as its project would, and puts it into a copy of this program's folder.</summary>
/// <remarks>The sources are never touched: the changed file lies in a temporary folder and takes the other's place on the compiler's command line.</remarks>
internal sealed class MutantBuild : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);
    private readonly string folder = Directory.CreateTempSubdirectory("spm-mutant-").FullName;

    public MutantBuild(Mutant mutant)
    {
        var project = Path.Combine(Repository.Root, mutant.Project);
        var source = Path.Combine(project, mutant.File);
        var changed = Path.Combine(folder, Path.GetFileName(mutant.File));
        File.WriteAllText(changed, Change(mutant, File.ReadAllText(source)));
        Program = Path.Combine(folder, "bin", "Simulation");
        Copy(AppContext.BaseDirectory, Path.Combine(folder, "bin"));
        Compile(project, source, changed);
    }

    public string Program { get; }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static string Change(Mutant mutant, string text)
    {
        var first = text.IndexOf(mutant.Old, StringComparison.Ordinal);
        return first >= 0 && text.IndexOf(mutant.Old, first + 1, StringComparison.Ordinal) < 0
            ? text.Remove(first, mutant.Old.Length).Insert(first, mutant.New)
            : throw new InvalidOperationException(
                $"mutant {mutant.Name}: its text is {(first < 0 ? "not" : "more than once")} in {mutant.File}; the rule is kept elsewhere now, so say where in Mutant.cs");
    }

    private void Compile(string project, string source, string changed)
    {
        var (args, compiler) = CommandLine(project);
        var name = args.Single(arg => arg.StartsWith("/out:", StringComparison.Ordinal)) is var output ? Path.GetFileName(output) : "";
        string[] dropped = ["/out:", "/refout:", "/doc:", "/pdb:", "/warnaserror", "/sourcelink:", "/generatedfilesout"];
        var mine = args.Where(arg => !dropped.Any(start => arg.StartsWith(start, StringComparison.Ordinal)))
            .Select(arg => Path.GetFullPath(arg, project) == source ? changed : arg)
            .Append("/warn:0").Append($"/out:{Path.Combine(folder, "bin", name)}").ToList();
        if (!mine.Contains(changed))
        {
            throw new InvalidOperationException($"{source} is not on the compiler's command line");
        }

        var response = Path.Combine(folder, "compile.rsp");
        File.WriteAllLines(response, mine.Select(Quoted));
        var (code, said) = Repository.Run(Repository.Dotnet, ["exec", compiler, "/noconfig", $"@{response}"], project, Limit);
        if (code != 0)
        {
            throw new InvalidOperationException($"the mutant does not compile:\n{said}");
        }
    }

    private static (List<string> Args, string Compiler) CommandLine(string project)
    {
        string[] ask =
        [
            "build", "-c", "Release", "-nologo", "-t:Compile", "-p:BuildProjectReferences=false", "-p:SkipCompilerExecution=true",
            "-p:ProvideCommandLineArgs=true", "-p:NonExistentFile=never", "-p:DesignTimeBuild=true", "--no-restore", "-nodeReuse:false",
            "-getItem:CscCommandLineArgs", "-getProperty:RoslynTargetsPath",
        ];
        var (code, said) = Repository.Run(Repository.Dotnet, ask, project, Limit);
        if (code != 0)
        {
            throw new InvalidOperationException($"the command line of {project} is not known:\n{said}");
        }

        using var json = JsonDocument.Parse(said);
        var args = json.RootElement.GetProperty("Items").GetProperty("CscCommandLineArgs").EnumerateArray().Select(item => item.GetProperty("Identity").GetString()!);
        return ([.. args], Path.Combine(json.RootElement.GetProperty("Properties").GetProperty("RoslynTargetsPath").GetString()!, "bincore", "csc.dll"));
    }

    /// <summary>An option with blanks in its value is quoted behind the colon, a path as a whole.</summary>
    private static string Quoted(string arg) => !arg.Contains(' ') || arg.Contains('"') ? arg
        : arg[0] == '/' && arg.IndexOf(':') is var colon and > 0 ? $"{arg[..(colon + 1)]}\"{arg[(colon + 1)..]}\"" : $"\"{arg}\"";

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
