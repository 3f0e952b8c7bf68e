namespace OvirtSpm.Node.Demo;

/// <summary>Where people see what happens.</summary>
interface IDemoView
{
    /// <summary>Something happened, one sentence.</summary>
    void Say(string what);

    /// <summary>The run goes on; looked at until <paramref name="run"/> ends.</summary>
    Task<T> ShowAsync<T>(DemoBoard board, Func<Task<T>> run);
}
