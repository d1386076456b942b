// Save a figure as the reader sees it: plotly's own camera, set to the format that was asked for.
export default function ({ parentElement, data }) {
  for (const button of parentElement.querySelectorAll("button")) {
    button.onclick = () => {
      const chart = document.querySelector(`.st-key-chart-${data.key} .js-plotly-plot`);
      const camera = chart?.querySelector('.modebar-btn[data-title^="Download"]');
      if (!camera) return;
      const before = chart._context.toImageButtonOptions;
      chart._context.toImageButtonOptions = {
        format: button.dataset.format, filename: `prunelab-${data.key}`, scale: button.dataset.format === "png" ? 3 : 1,
      };
      camera.click();
      chart._context.toImageButtonOptions = before;
    };
  }
}
