// JupyterLab takes the keys of whatever has the focus in a cell's output for its own commands, unless
// that very element says otherwise: typing "dd" on a button would delete the cell.

export function keepKeys(root) {
  root.addEventListener("focusin", (event) => {
    event.target.dataset.lmSuppressShortcuts = "true";
  });
}
